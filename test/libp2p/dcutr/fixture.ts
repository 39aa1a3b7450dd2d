import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p, Transport } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { type Ping, ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { relayService } from '../../../src/hub/relay/index.ts'
import { circuitRelay } from '../../../src/libp2p/circuit/index.ts'
import { type Dcutr, type DcutrOptions, dcutr } from '../../../src/libp2p/dcutr/index.ts'
import { optimisticMuxer } from '../../../src/libp2p/optimistic.ts'
import { type PunchableTransport, type PunchDialOptions, punchable } from '../../../src/libp2p/punchable.ts'
import { type QuicComponents, quic } from '../../../src/libp2p/quic/index.ts'
import type { Attempt } from '../../../src/traversal/attempt.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { type CountingClock, countingClock } from './clocks.ts'
import { type Door, isInside, Nat } from './internet.ts'

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'
export const limited = { runOnLimitedConnection: true }

interface Internals {
  readonly transportManager: TransportManager
  readonly events: { listenerCount(type: string): number }
}

/** Not in libp2p's public interface. */
export function internalsOf(node: Libp2p): Internals {
  return (node as unknown as { components: Internals }).components
}

/** Our QUIC transport, in an internet where the addresses behind NATs lead nowhere, and what it dials. */
function quicBehind(nat: Nat) {
  return (components: QuicComponents): PunchableTransport => {
    const inner = quic()(components) as PunchableTransport
    const dial = inner.dial.bind(inner)
    const puncher = inner[punchable]
    return Object.assign(inner, {
      dial(to: Multiaddr, options: Parameters<Transport['dial']>[1] & PunchDialOptions) {
        nat.dials.push({ to, punch: options.punch === true })
        return dial(to, options)
      },
      [punchable]: { ...puncher, canPunch: (to: Multiaddr) => puncher.canPunch(to) && !isInside(to) }
    })
  }
}

const common = (nat: Nat) => ({
  transports: [quicBehind(nat), circuitRelay()],
  connectionEncrypters: [noise()],
  connectionManager: { inboundConnectionThreshold: 1_000 },
  connectionGater: { denyDialMultiaddr: () => false }
})

export type RelayNode = Libp2p & AsyncDisposable & { readonly nat: Nat }

/** A relay of ours, over QUIC, whose connections are limited ones. */
export async function relayNode(): Promise<RelayNode> {
  const nat = await Nat.open('relay')
  const node = await createLibp2p({
    ...common(nat),
    addresses: { listen: [LISTEN], announce: [nat.address.toString()] },
    streamMuxers: [optimisticMuxer(yamux())],
    services: { identify: identify(), relay: relayService({ limits: { circuitSeconds: 600 } }) }
  })
  return Object.assign(node, { nat, ...shelter(node, nat) })
}

export type PeerNode = Libp2p<{ identify: Identify; ping: Ping; dcutr: Dcutr }>

export interface TestPeer extends AsyncDisposable {
  readonly node: PeerNode
  readonly nat: Nat
  readonly clock: CountingClock
  readonly attempts: Attempt[]
  /** To what libp2p tells of connections, before there was one. */
  readonly listeners: number
  upgrade(peer: { readonly node: Libp2p }): ReturnType<Dcutr['upgrade']>
}

export interface PeerInit {
  /** The peer has a reservation there. */
  readonly relay?: RelayNode
  readonly door?: Door
  /** Whether identify tells the peer's public address, so that connection reversal has something to dial. */
  readonly announces?: boolean
  /** What it is bound to. @default 127.0.0.1, from where nothing leaves the machine */
  readonly host?: string
  /** Of the clock that DCUtR's deadlines are measured by. */
  readonly speed?: number
  readonly options?: Partial<Omit<DcutrOptions, 'clock'>>
}

export async function testPeer(init: PeerInit = {}): Promise<TestPeer> {
  const nat = await Nat.open(init.door ?? 'natted')
  const clock = countingClock(init.speed)
  const direct = nat.address.toString()
  const node = await createLibp2p({
    ...common(nat),
    addresses: {
      listen: [init.host == null ? LISTEN : LISTEN.replace('127.0.0.1', init.host)],
      appendAnnounce: init.announces === true ? [direct] : [],
      announceFilter: addresses =>
        addresses.filter(each => each.toString().includes('p2p-circuit') || each.toString().startsWith(direct))
    },
    streamMuxers: [optimisticMuxer(yamux())],
    services: {
      identify: identify(),
      ping: ping(),
      dcutr: dcutr({ allowPrivate: true, clock, ...init.options })
    }
  })
  const attempts: Attempt[] = []
  node.services.dcutr.events.on('attempt', ({ attempt }) => attempts.push(attempt))
  const sheltered = shelter(node, nat)
  const listeners = listenersOf(node)
  if (init.relay != null) await reserveAt(init.relay, node, sheltered)
  return {
    node,
    nat,
    clock,
    attempts,
    listeners,
    upgrade: other => node.services.dcutr.upgrade(other.node.peerId),
    ...sheltered
  }
}

export type BarePeer = Libp2p & AsyncDisposable & { readonly nat: Nat; readonly node: Libp2p }

/** A peer without DCUtR, and with the stock muxer: the tests play its part by hand. A public one announces its address. */
export async function barePeer(relay?: RelayNode, door: Door = 'natted'): Promise<BarePeer> {
  const nat = await Nat.open(door)
  const node = await createLibp2p({
    ...common(nat),
    addresses: { listen: [LISTEN], appendAnnounce: door === 'public' ? [nat.address.toString()] : [] },
    streamMuxers: [yamux()],
    services: { identify: identify() }
  })
  const sheltered = shelter(node, nat)
  if (relay != null) await reserveAt(relay, node, sheltered)
  return Object.assign(node, { nat, node, ...sheltered })
}

function shelter(node: Libp2p, nat: Nat): AsyncDisposable {
  nat.protect(internalsOf(node).transportManager.getAddrs()[0]!)
  return {
    async [Symbol.asyncDispose]() {
      await node.stop()
      await nat[Symbol.asyncDispose]()
    }
  }
}

async function reserveAt(relay: Libp2p, node: Libp2p, sheltered: AsyncDisposable): Promise<void> {
  try {
    await internalsOf(node).transportManager.listen([addressOf(relay).encapsulate('/p2p-circuit')])
    await until('the reservation', () => node.getMultiaddrs().some(each => each.toString().includes('p2p-circuit')))
  } catch (error) {
    // nobody else has got hold of it yet
    await sheltered[Symbol.asyncDispose]()
    throw error
  }
}

export function addressOf(node: Libp2p): Multiaddr {
  return node.getMultiaddrs()[0]!
}

/** Connects the peer to the relay, and waits until that has told it its public address: some tests are too fast for it. */
export async function acquaint(relay: Libp2p, { node }: TestPeer): Promise<void> {
  await node.dial(addressOf(relay))
  await until('the observed address', () => node.services.dcutr.observed.list().length > 0)
}

/**
 * Dials a peer that has a reservation, over the relay, and waits until both sides have the connection. Past libp2p's dial
 * queue, as our node does: the queue closes a connection again when the other side has made one meanwhile.
 */
export async function connectOver(relay: Libp2p, from: Libp2p, to: Libp2p): Promise<Connection> {
  const address = addressOf(relay).encapsulate(`/p2p-circuit/p2p/${to.peerId}`)
  const connection = await internalsOf(from).transportManager.dial(address, { signal: AbortSignal.timeout(10_000) })
  await until('the other side has the connection', () => to.getConnections(from.peerId).length > 0)
  return connection
}

/** Waits until nothing of an upgrade is left: no timer, no DCUtR stream, no listener that was not there at the start. */
export async function nothingLeft({ node, clock, listeners }: TestPeer): Promise<void> {
  await until('no timer is left', () => clock.pending === 0)
  const streams = () => node.getConnections().flatMap(connection => connection.streams)
  await until('no DCUtR stream is left', () => streams().every(({ protocol }) => protocol !== DCUTR_PROTOCOL))
  await until('no listener is left', () => listenersOf(node) === listeners)
}

function listenersOf(node: Libp2p): number {
  const { events } = internalsOf(node)
  return ['connection:open', 'connection:close', 'peer:identify'].reduce(
    (sum, type) => sum + events.listenerCount(type),
    0
  )
}

export async function until(what: string, condition: () => boolean, ms = 5_000): Promise<void> {
  const endMs = performance.now() + ms
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export const brief = (attempts: readonly Attempt[]) =>
  attempts.map(({ technique, outcome, reason }) => `${technique} ${outcome} ${reason}`)
