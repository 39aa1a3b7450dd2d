import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p, Transport } from '@libp2p/interface'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Clock, realClock } from '../../../src/core/clock.ts'
import { type Dcutr, type DcutrOptions, dcutr } from '../../../src/libp2p/dcutr/index.ts'
import { type PunchDialOptions, punchable } from '../../../src/libp2p/punchable.ts'
import type { Attempt } from '../../../src/traversal/attempt.ts'

/** What stands before a peer: `public` lets everybody in, `natted` only after the peer has sent something, `silent` nobody. */
export type Door = 'public' | 'natted' | 'silent'

export class Firewall {
  door: Door
  opened = false
  /** Opening packets that left, with where they went. */
  readonly sent: Array<{ readonly bytes: Uint8Array; readonly to: Multiaddr }> = []
  /** What dials were made, and how. */
  readonly dials: Array<{ readonly to: Multiaddr; readonly punch: boolean }> = []
  /** What else an opening packet does: a real datagram, in the tests that count those. */
  onSend: (bytes: Uint8Array, to: Multiaddr) => void = () => {}

  constructor(door: Door) {
    this.door = door
  }

  letsIn(): boolean {
    return this.door === 'public' || (this.door === 'natted' && this.opened)
  }
}

const doors = new Map<number, Firewall>()
const portOf = (address: Multiaddr) => Number(address.getComponents()[1]?.value)

/** TCP on loopback that behaves like punchable QUIC: a double, so that these tests need no engine and no NAT. */
function punchableTcp(firewall: Firewall) {
  return (components: Parameters<ReturnType<typeof tcp>>[0]): Transport => {
    const inner = tcp()(components)
    const dial = inner.dial.bind(inner)
    return Object.assign(inner, {
      async dial(to: Multiaddr, options: Parameters<Transport['dial']>[1] & PunchDialOptions) {
        firewall.dials.push({ to, punch: options.punch === true })
        if (options.punch === true) firewall.opened = true
        while (doors.get(portOf(to))?.letsIn() !== true) {
          await new Promise(resolve => setTimeout(resolve, 5))
          options.signal?.throwIfAborted()
        }
        return dial(to, options as Parameters<typeof dial>[1])
      },
      [punchable]: {
        technique: 'punch-quic' as const,
        canPunch: (address: Multiaddr) => {
          const [host, port] = address.getComponents()
          const relayed = address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
          return !relayed && (host?.name === 'ip4' || host?.name === 'ip6') && port?.name === 'tcp'
        },
        sendDatagram(bytes: Uint8Array, to: Multiaddr) {
          firewall.opened = true
          firewall.sent.push({ bytes, to })
          firewall.onSend(bytes, to)
        }
      }
    })
  }
}

/** Real time that runs faster, so that a deadline of ten seconds can be waited for. */
export function fastClock(speed: number): Clock {
  return { now: () => performance.now() * speed, after: (ms, fn) => realClock.after(ms / speed, fn) }
}

/** The real clock, and how many timers are set on it. */
export function countingClock(): Clock & { readonly pending: number } {
  const timers = new Set<object>()
  return {
    now: realClock.now,
    after(ms, fn) {
      const key = {}
      timers.add(key)
      const timer = realClock.after(ms, () => {
        timers.delete(key)
        fn()
      })
      return {
        cancel() {
          timers.delete(key)
          timer.cancel()
        }
      }
    },
    get pending() {
      return timers.size
    }
  }
}

export type PeerNode = Libp2p<{ identify: Identify; ping: Ping; dcutr: Dcutr }>

export interface TestPeer extends AsyncDisposable {
  readonly node: PeerNode
  readonly firewall: Firewall
  readonly attempts: Attempt[]
}

export async function relayNode(): Promise<Libp2p & AsyncDisposable> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1_000 },
    services: {
      identify: identify(),
      relay: circuitRelayServer({ reservations: { applyDefaultLimit: true, defaultDurationLimit: 600_000 } })
    }
  })
  for (const address of node.getMultiaddrs()) doors.set(portOf(address), new Firewall('public'))
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

export interface PeerInit {
  readonly relay?: Libp2p
  readonly door?: Door
  /** Whether identify tells the peer's own address, so that connection reversal has something to dial. */
  readonly announces?: boolean
  readonly options?: Partial<DcutrOptions>
}

/** A peer; given a relay, it has a reservation there. */
export async function testPeer(init: PeerInit = {}): Promise<TestPeer> {
  const firewall = new Firewall(init.door ?? 'natted')
  const circuit = init.relay == null ? [] : [`${init.relay.getMultiaddrs()[0]}/p2p-circuit`]
  const node = await createLibp2p({
    addresses: {
      listen: ['/ip4/127.0.0.1/tcp/0', ...circuit],
      announceFilter: addresses =>
        init.announces === true ? addresses : addresses.filter(address => address.toString().includes('p2p-circuit'))
    },
    transports: [punchableTcp(firewall), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1_000 },
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ping: ping(), dcutr: dcutr({ allowPrivate: true, ...init.options }) }
  })
  for (const address of listenAddresses(node)) doors.set(portOf(address), firewall)
  // a relay sees the passing ports of our outgoing TCP connections, where it would see QUIC's listening port
  node.services.dcutr.observed.stop()
  const attempts: Attempt[] = []
  node.services.dcutr.events.on('attempt', ({ attempt }) => attempts.push(attempt))
  return {
    node,
    firewall,
    attempts,
    [Symbol.asyncDispose]: async () => {
      await node.stop()
    }
  }
}

/** A peer without DCUtR: the tests play its part by hand. */
export async function barePeer(relay?: Libp2p): Promise<Libp2p & AsyncDisposable> {
  const node = await createLibp2p({
    addresses: {
      listen: relay == null ? [] : [`${relay.getMultiaddrs()[0]}/p2p-circuit`]
    },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() }
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

/** Where a node listens for direct connections, whatever it announces. */
export function listenAddresses(node: Libp2p): Multiaddr[] {
  const { transportManager } = (node as unknown as { components: { transportManager: { getAddrs(): Multiaddr[] } } })
    .components
  return transportManager.getAddrs().filter(address => !address.toString().includes('p2p-circuit'))
}

/** Dials a peer that has a reservation, over the relay, and waits until both sides have the connection. */
export async function connectOver(relay: Libp2p, from: Libp2p, to: Libp2p): Promise<Connection> {
  const address = to.getMultiaddrs().find(each => each.toString().includes(`${relay.peerId}/p2p-circuit`))!
  const connection = await from.dial(address)
  await until('the other side has the connection', () => to.getConnections(from.peerId).length > 0)
  return connection
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
