import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { relayService } from '../../../src/hub/relay/index.ts'
import { circuitRelay } from '../../../src/libp2p/circuit/index.ts'
import { type DcutrOptions, dcutr } from '../../../src/libp2p/dcutr/index.ts'
import type { PunchDialOptions } from '../../../src/libp2p/punchable.ts'
import { tcp } from '../../../src/libp2p/tcp/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import type { Attempt } from '../../../src/traversal/attempt.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { type CountingClock, countingClock } from './clocks.ts'
import { addressOf, internalsOf, limited, type PeerNode, until } from './fixture.ts'
import { framesOf } from './stranger.ts'

// Peers that speak nothing but TCP. There is no NAT here: loopback is too fast for a simultaneous open, so what the tests
// need of one they lay out by hand (../tcp/splice.ts).

const LISTEN = '/ip4/127.0.0.1/tcp/0'

const common = () => ({
  transports: [tcp(), circuitRelay()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: { inboundConnectionThreshold: 1_000 },
  connectionGater: { denyDialMultiaddr: () => false }
})

export type TcpRelay = Libp2p & AsyncDisposable

export async function tcpRelay(): Promise<TcpRelay> {
  const node = await createLibp2p({
    ...common(),
    addresses: { listen: [LISTEN] },
    services: { identify: identify(), relay: relayService({ limits: { circuitSeconds: 600 } }) }
  })
  return Object.assign(node, disposal(node))
}

export interface TcpPeer extends AsyncDisposable {
  readonly node: PeerNode
  readonly clock: CountingClock
  readonly attempts: Attempt[]
  upgrade(peer: { readonly peerId: Libp2p['peerId'] }): ReturnType<PeerNode['services']['dcutr']['upgrade']>
}

/** A peer of ours, known to the relay, with a reservation there. */
export async function tcpPeer(
  relay: Libp2p,
  { speed, ...options }: { readonly speed?: number } & Partial<Omit<DcutrOptions, 'clock'>> = {}
): Promise<TcpPeer> {
  const clock = countingClock(speed)
  const node: PeerNode = await createLibp2p({
    ...common(),
    addresses: { listen: [LISTEN], announceFilter: relayedOnly },
    services: { identify: identify(), ping: ping(), dcutr: dcutr({ allowPrivate: true, clock, ...options }) }
  })
  const attempts: Attempt[] = []
  node.services.dcutr.events.on('attempt', ({ attempt }) => attempts.push(attempt))
  await reserve(relay, node)
  await until('the observed address', () => node.services.dcutr.observed.list().length > 0)
  return {
    node,
    clock,
    attempts,
    upgrade: ({ peerId }) => node.services.dcutr.upgrade(peerId),
    ...disposal(node)
  }
}

export interface TcpStranger extends Libp2p, AsyncDisposable {
  dial(to: Multiaddr, options?: object): Promise<Connection>
  punch(to: Multiaddr, options: PunchDialOptions): Promise<Connection>
}

/** A peer without DCUtR, with a reservation: the tests play its part by hand. */
export async function tcpStranger(relay: Libp2p): Promise<TcpStranger> {
  const node = await createLibp2p({
    ...common(),
    addresses: { listen: [LISTEN], announceFilter: relayedOnly },
    services: { identify: identify(), ping: ping() }
  })
  await reserve(relay, node)
  const { transportManager } = internalsOf(node)
  return Object.assign(node, {
    punch: (to: Multiaddr, options: PunchDialOptions) => {
      const all = { signal: AbortSignal.timeout(5_000), punch: true, ...options }
      return transportManager.dial(to, all)
    },
    ...disposal(node)
  }) as TcpStranger
}

/** As the receiver: answers each exchange with an address, and goes on when the SYNC has come. */
export async function answer(
  stranger: TcpStranger,
  address: () => Promise<Multiaddr>,
  act: () => Promise<unknown>
): Promise<void> {
  await stranger.handle(
    DCUTR_PROTOCOL,
    async stream => {
      const frames = framesOf(stream)
      const signal = AbortSignal.timeout(5_000)
      await frames.read(signal)
      frames.send({ type: 'CONNECT', observedAddresses: [(await address()).bytes] })
      await frames.read(signal)
      await act().catch(() => {})
    },
    limited
  )
}

const relayedOnly = (addresses: Multiaddr[]) => addresses.filter(each => each.toString().includes('p2p-circuit'))

async function reserve(relay: Libp2p, node: Libp2p): Promise<void> {
  await internalsOf(node).transportManager.listen([addressOf(relay).encapsulate('/p2p-circuit')])
  await until('the reservation', () => node.getMultiaddrs().some(each => each.toString().includes('p2p-circuit')))
}

function disposal(node: Libp2p): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => await node.stop() }
}
