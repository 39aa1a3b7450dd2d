import type { Connection, IdentifyResult, Libp2pEvents, Logger, PeerId } from '@libp2p/interface'
import type { ConnectionManager, TransportManager } from '@libp2p/interface-internal'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import { type Clock, sleep } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { NatError } from '../core/errors.ts'
import { ipScope } from '../core/ip.ts'
import type { Random } from '../core/random.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import { HOP_PROTOCOL } from '../wire/circuit.ts'
import { candidateOf, endpointOf } from './candidate.ts'
import { retire } from './dcutr/retire.ts'
import { type Puncher, punchable, punchers } from './punchable.ts'

export const OBSERVERS = {
  dialMs: 10_000,
  /**
   * Where the relay sees the socket already that QUIC is punched from, TCP waits: a second connection's handshake takes 10 ms of CPU time, and a program
   * that connects as soon as it is at its hub would wait so much longer for its first bytes. TCP has its turn when UDP has had a second (TCP_PUNCH).
   */
  laterMs: 300,
  /** After a failure the next try comes within so long, twice as long each time, and never later than the second figure. */
  firstRetryMs: 250,
  maxRetryMs: 300_000,
  /** Relays that are asked: two would do to tell what kind of NAT there is. */
  maxRelays: 8,
  /** Of the addresses that a relay says it has, this many are looked at. */
  maxAddresses: 32
} as const

export interface ObserversInit {
  readonly components: {
    readonly events: TypedEventTarget<Libp2pEvents>
    readonly transportManager: TransportManager
    readonly connectionManager: ConnectionManager
  }
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** What may be tried to get a direct path. @default everything */
  readonly techniques?: ReadonlySet<TechniqueName>
}

/**
 * Has each relay that we went to see every socket that we punch from. A relay reached over TCP tells by identify how our
 * TCP looks from there, and nothing of the UDP socket; so a second connection goes to its QUIC address, and stays, because
 * it also keeps the NAT's mapping alive.
 */
export class Observers {
  readonly #init: ObserversInit
  readonly #asked = new Set<string>()
  /** Made in a network that we were in before: nobody sees by them what our sockets look like now. */
  readonly #doubted = new WeakSet<Connection>()
  #moving = new AbortController()
  #stopping = new AbortController()

  constructor(init: ObserversInit) {
    this.#init = init
  }

  start(): void {
    this.#stopping = new AbortController()
    this.#init.components.events.addEventListener('peer:identify', this.#onIdentify)
  }

  stop(): void {
    this.#init.components.events.removeEventListener('peer:identify', this.#onIdentify)
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#asked.clear()
  }

  /** Our network has changed: each relay is to see our sockets anew, once we are connected to it anew. */
  networkChanged(): void {
    for (const connection of this.#init.components.connectionManager.getConnections()) this.#doubted.add(connection)
    const before = this.#moving
    this.#moving = new AbortController()
    before.abort(new NatError('LINK_CLOSED', 'our network has changed'))
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { connection, peerId, protocols, listenAddrs } = detail
    if (connection.direction !== 'outbound' || !connection.direct || !protocols.includes(HOP_PROTOCOL)) return
    if (this.#asked.has(peerId.toString()) || this.#asked.size >= OBSERVERS.maxRelays) return
    const isSeen = this.#punchers().some(puncher => this.#goesFirst(puncher) && puncher.observes(connection))
    const ways = this.#punchers().flatMap(puncher => {
      const address = firstOf(listenAddrs.slice(0, OBSERVERS.maxAddresses), puncher, connection)
      const waitMs = isSeen && puncher.simultaneous ? OBSERVERS.laterMs : 0
      return address == null ? [] : [{ puncher, address: ofPeer(address, peerId), waitMs }]
    })
    if (ways.length === 0) return
    this.#asked.add(peerId.toString())
    const signal = AbortSignal.any([this.#stopping.signal, this.#moving.signal])
    const keep = async ({ puncher, address, waitMs }: (typeof ways)[number]) => {
      if (waitMs > 0) await sleep(this.#init.clock, waitMs, signal).catch(() => {})
      await this.#keep(peerId, puncher, address, signal)
    }
    void Promise.all(ways.map(keep)).finally(() => this.#asked.delete(peerId.toString()))
  }

  /** Keeps a connection there, for as long as we are connected to the relay at all. */
  async #keep(relay: PeerId, puncher: Puncher, address: Multiaddr, signal: AbortSignal): Promise<void> {
    const { clock, random, log, components } = this.#init
    for (let failures = 0; !signal.aborted && this.#isConnected(relay); ) {
      const sinceMs = clock.now()
      try {
        const known = this.#seenBy(relay, puncher)
        const connection =
          known ??
          (await withDeadline(clock, OBSERVERS.dialMs, `a connection to ${address}`, signal, limit =>
            components.transportManager.dial(address, { signal: limit })
          ))
        // the first dial may have found out that this system cannot punch so
        const useful = puncher.canPunch(address)
        if (useful) await untilUseless(puncher, connection, signal)
        // it would be one more with each change of the port
        if (known == null) void retire(connection, clock, this.#stopping.signal)
        if (!useful) return
      } catch (error) {
        log('%a does not see our %s socket - %e', address, puncher.technique, error as Error)
      }
      failures = clock.now() - sinceMs > OBSERVERS.dialMs ? 0 : failures + 1
      const longestMs = Math.min(OBSERVERS.maxRetryMs, OBSERVERS.firstRetryMs * 2 ** failures)
      await sleep(clock, random.int(Math.floor(longestMs / 2), longestMs), signal).catch(() => {})
    }
  }

  /** What is punched from the first moment, if it may be. */
  #goesFirst({ simultaneous, technique }: Puncher): boolean {
    return !simultaneous && this.#init.techniques?.has(technique) !== false
  }

  #isConnected(relay: PeerId): boolean {
    const connections = this.#init.components.connectionManager.getConnections(relay)
    return connections.some(({ status, direct }) => status === 'open' && direct)
  }

  #seenBy(relay: PeerId, puncher: Puncher): Connection | undefined {
    return this.#init.components.connectionManager
      .getConnections(relay)
      .find(each => each.status === 'open' && each.direct && puncher.observes(each) && !this.#doubted.has(each))
  }

  #punchers(): Puncher[] {
    return punchers(this.#init.components.transportManager.getTransports()).map(transport => transport[punchable])
  }
}

/** The relay's own word is taken for other ports of the host that it is on, and else for public addresses only. */
function firstOf(addresses: readonly Multiaddr[], puncher: Puncher, { remoteAddr }: Connection): Multiaddr | undefined {
  const host = endpointOf(remoteAddr)?.address
  return addresses.find(address => {
    const candidate = candidateOf(address, [puncher])
    return candidate != null && (host == null ? ipScope(candidate.address) === 'public' : candidate.address === host)
  })
}

/** So that nobody else is taken for the relay, whatever answers there. */
function ofPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  return address.decapsulateCode(CODE_P2P).encapsulate(`/p2p/${peer}`)
}

/** Resolves when the connection closes, when the port that is punched is another one, or when the signal aborts. */
async function untilUseless(puncher: Puncher, connection: Connection, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => resolve()
  const unsubscribe = puncher.onMoved?.(done)
  connection.addEventListener('close', done, { once: true })
  signal.addEventListener('abort', done, { once: true })
  if (connection.status !== 'open' || signal.aborted || !puncher.observes(connection)) done()
  await promise
  unsubscribe?.()
  connection.removeEventListener('close', done)
  signal.removeEventListener('abort', done)
}
