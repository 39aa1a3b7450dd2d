import type { Connection, IdentifyResult, Libp2pEvents } from '@libp2p/interface'
import type { AddressManager, TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { Events } from '../core/events.ts'
import { type AllowPrivate, mayReach } from '../core/ip.ts'
import { type AddressCandidate, candidateOf, candidatesOf, endpointOf } from './candidate.ts'
import { type Puncher, punchable, punchers } from './punchable.ts'

export const OBSERVED = {
  /** How long an observation counts after its connection is gone. While the connection lives, so does the mapping. */
  ttlMs: 10 * 60_000,
  /** Observers remembered; a node has a handful of hubs and some peers. */
  maxObservers: 64,
  /** Addresses that go into a CONNECT: the best seen ones, and our own public ones. */
  maxCandidates: 8
} as const

export interface ObservedComponents {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly transportManager: TransportManager
  readonly addressManager: AddressManager
}

export interface ObservedInit {
  readonly clock: Clock
  /** Lets private and loopback addresses in. */
  readonly allowPrivate: AllowPrivate
}

/** What one observer last said about one socket of ours. */
export interface Observation {
  readonly address: Multiaddr
  /** Who saw it: a peer id, or the name of a STUN server. */
  readonly observer: string
  /** Where the observer is: two observers on one host count as one. */
  readonly observerHost: string
  /** `asked`: we went to that observer. `told`: it came to us, and could be anybody. */
  readonly origin: 'asked' | 'told'
  /** The connection that it was seen on, when there is one. */
  readonly connection?: Connection
}

interface Entry extends Observation {
  readonly candidate: AddressCandidate
  readonly atMs: number
}

/** One of our public addresses, as {@link ObservedAddresses.list} tells it. */
export interface ObservedAddress {
  readonly candidate: AddressCandidate
  readonly observers: readonly string[]
  /** Milliseconds since it was last reported. */
  readonly ageMs: number
  /** `asked` if any of the observers was. */
  readonly origin: Observation['origin']
}

/**
 * What the world sees of the sockets that we punch from. An observation counts when it was made on a direct connection
 * (over a relay, it would be the relay's address) that leaves from the very port that is punched, and for as long as it is.
 */
export class ObservedAddresses {
  readonly #components: ObservedComponents
  readonly #init: ObservedInit
  readonly #entries = new Map<string, Entry>()
  readonly #changes = new Events<{ changed: undefined }>()

  constructor(components: ObservedComponents, init: ObservedInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    this.#components.events.addEventListener('peer:identify', this.#onIdentify)
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:identify', this.#onIdentify)
    this.#entries.clear()
  }

  /** @returns a function that takes the listener away again */
  onChange(listener: () => void): () => void {
    return this.#changes.on('changed', listener)
  }

  /** Our network has changed: what was seen of us there holds no longer. */
  networkChanged(): void {
    this.#entries.clear()
    this.#changes.emit('changed', undefined)
  }

  /** Takes note of an observation, from identify or from elsewhere (a STUN answer on the shared socket). */
  note(observation: Observation): void {
    const { connection } = observation
    const seen = this.#punchers().filter(puncher => connection == null || puncher.observes(connection))
    const candidate = candidateOf(observation.address, seen)
    if (candidate == null || !this.#counts(candidate)) return
    const family = candidate.address.includes(':') ? 6 : 4
    // each observer has one vote per socket: its latest
    const key = `${candidate.technique} ${family} ${observation.observer}`
    if (!this.#entries.has(key) && this.#entries.size >= OBSERVED.maxObservers && !this.#makeRoom(observation)) return
    this.#entries.set(key, { ...observation, candidate, atMs: this.#init.clock.now() })
    this.#changes.emit('changed', undefined)
  }

  /** The seen addresses, best first: seen by most of those that we asked, then by most, then most recently. */
  list(): readonly ObservedAddress[] {
    const groups = new Map<string, Entry[]>()
    for (const entry of this.#alive()) {
      const key = entry.candidate.multiaddr.toString()
      const group = groups.get(key)
      if (group == null) groups.set(key, [entry])
      else group.push(entry)
    }
    const nowMs = this.#init.clock.now()
    return [...groups.values()]
      .map(group => {
        const asked = hostsOf(group.filter(({ origin }) => origin === 'asked')).size
        const seen: ObservedAddress = {
          candidate: group[0]!.candidate,
          observers: group.map(({ observer }) => observer),
          ageMs: nowMs - Math.max(...group.map(({ atMs }) => atMs)),
          origin: asked > 0 ? 'asked' : 'told'
        }
        return { seen, asked, hosts: hostsOf(group).size }
      })
      .sort((a, b) => b.asked - a.asked || b.hosts - a.hosts || a.seen.ageMs - b.seen.ageMs)
      .map(({ seen }) => seen)
  }

  /**
   * What to offer in a CONNECT: what those that we asked have seen, the public addresses that we listen on or announce,
   * and last what strangers told us.
   */
  candidates(): readonly AddressCandidate[] {
    const own = [...this.#components.addressManager.getAddresses(), ...this.#components.transportManager.getAddrs()]
    const seen = this.list()
    const found = new Map<string, AddressCandidate>()
    const add = (candidate: AddressCandidate | undefined) => {
      if (candidate == null || candidate.port === 0 || !this.#counts(candidate)) return
      const key = candidate.multiaddr.toString()
      if (!found.has(key)) found.set(key, candidate)
    }
    for (const { candidate, origin } of seen) if (origin === 'asked') add(candidate)
    for (const candidate of candidatesOf(own, this.#punchers())) add(candidate)
    for (const { candidate } of seen) add(candidate)
    return [...found.values()].slice(0, OBSERVED.maxCandidates)
  }

  /** The candidates that fit, waiting for the first one if there is none yet: identify may still be on its way. */
  async awaitCandidates(
    ms: number,
    signal: AbortSignal,
    fits: (candidate: AddressCandidate) => boolean = () => true
  ): Promise<readonly AddressCandidate[]> {
    const known = () => this.candidates().filter(fits)
    const now = known()
    if (now.length > 0) return now
    const { promise, resolve } = Promise.withResolvers<void>()
    const off = this.#changes.on('changed', () => {
      if (known().length > 0) resolve()
    })
    try {
      await withDeadline(this.#init.clock, ms, 'an observed address', signal, () => promise)
    } catch {
      signal.throwIfAborted()
    } finally {
      off()
    }
    return known()
  }

  /**
   * For people: a socket that two of those we asked see under two addresses at the same time, which is what a NAT with
   * address-dependent mapping does; such a NAT gives the peer a third one. (Two uplinks look the same.)
   */
  varying(): string | undefined {
    const asked = this.#alive().filter(({ origin }) => origin === 'asked')
    for (const one of asked) {
      const other = asked.find(
        ({ candidate, observerHost }) =>
          candidate.technique === one.candidate.technique &&
          candidate.address.includes(':') === one.candidate.address.includes(':') &&
          observerHost !== one.observerHost &&
          !candidate.multiaddr.equals(one.candidate.multiaddr)
      )
      if (other != null) {
        return `our NAT may map per destination: ${one.observerHost} sees ${textOf(one)}, ${other.observerHost} sees ${textOf(other)}`
      }
    }
    return undefined
  }

  #onIdentify = ({ detail: { connection, observedAddr } }: CustomEvent<IdentifyResult>): void => {
    if (observedAddr == null || !connection.direct) return
    this.note({
      address: observedAddr,
      observer: connection.remotePeer.toString(),
      observerHost: endpointOf(connection.remoteAddr)?.address ?? '',
      origin: connection.direction === 'outbound' ? 'asked' : 'told',
      connection
    })
  }

  #punchers(): Puncher[] {
    return punchers(this.#components.transportManager.getTransports()).map(transport => transport[punchable])
  }

  #counts({ address }: AddressCandidate): boolean {
    return mayReach(address, this.#init.allowPrivate)
  }

  #alive(): Entry[] {
    const sinceMs = this.#init.clock.now() - OBSERVED.ttlMs
    for (const [key, { atMs, connection, candidate }] of this.#entries) {
      const moved = connection != null && !candidate.puncher.observes(connection)
      if (moved || (atMs < sinceMs && connection?.status !== 'open')) this.#entries.delete(key)
    }
    return [...this.#entries.values()]
  }

  /** Strangers that came to us make room first, so that a crowd of them cannot push out what our hubs say. */
  #makeRoom(newcomer: Observation): boolean {
    const oldest = (origin: Observation['origin']) => [...this.#entries].find(([, entry]) => entry.origin === origin)
    const victim = oldest('told') ?? (newcomer.origin === 'asked' ? oldest('asked') : undefined)
    return victim != null && this.#entries.delete(victim[0])
  }
}

function hostsOf(entries: readonly Entry[]): Set<string> {
  return new Set(entries.map(({ observerHost }) => observerHost))
}

function textOf({ candidate: { address, port } }: Entry): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
