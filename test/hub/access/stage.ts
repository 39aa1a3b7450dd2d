import { noise } from '@chainsafe/libp2p-noise'
import { yamux as stockYamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { Access, AccessOptions } from '../../../src/hub/access/access.ts'
import { accessOf } from '../../../src/hub/access/index.ts'
import { limitsOf, type RelayLimits, relayService } from '../../../src/hub/relay/index.ts'
import type { RelayService } from '../../../src/hub/relay/service.ts'
import { circuitRelay } from '../../../src/libp2p/circuit/index.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { createNode, type Node, type NodeOptions } from '../../../src/node/node.ts'

const common = () => ({
  connectionEncrypters: [noise()],
  connectionGater: { denyDialMultiaddr: () => false },
  // all of this comes from one address
  connectionManager: { inboundConnectionThreshold: 1_000 }
})

export interface Relay {
  readonly id: string
  readonly address: string
  readonly libp2p: Libp2p<{ relay: RelayService }>
  readonly reservations: number
  change(rules: RelayRules): void
  /** What it was shown, in order; undefined: a request without a token. */
  readonly shown: (string | undefined)[]
}

export interface RelayRules {
  readonly access?: AccessOptions
  readonly limits?: Partial<RelayLimits>
}

/** Relays with rules, nodes at them, and peers of js-libp2p, on loopback; stopped at the end. */
export class Stage implements AsyncDisposable {
  readonly #stops: (() => Promise<void>)[] = []

  async relay({ access: rules = {}, limits = {} }: RelayRules = {}): Promise<Relay> {
    const gate = accessOf(rules)
    const shown: (string | undefined)[] = []
    const access: Access = {
      admit(peer, token, source) {
        shown.push(token)
        return gate.admit(peer, token, source)
      },
      refusal: peer => gate.refusal(peer),
      bearer: (token, source) => gate.bearer(token, source),
      forget: peer => gate.forget(peer)
    }
    const libp2p = await createLibp2p({
      ...common(),
      addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0'] },
      transports: [quic(), tcp()],
      streamMuxers: [yamux()],
      services: { identify: identify(), relay: relayService({ access, limits }) }
    })
    this.#stops.push(async () => libp2p.stop())
    const address = libp2p
      .getMultiaddrs()
      .map(String)
      .find(each => each.includes('/quic-v1'))!
    const { relay } = libp2p.services
    return {
      id: libp2p.peerId.toString(),
      address,
      libp2p,
      shown,
      get reservations() {
        return relay.counts.reservations
      },
      change(next) {
        gate.change(next.access ?? {})
        relay.change(limitsOf(next.limits))
      }
    }
  }

  async node(hubs: NodeOptions['hubs'], options: Partial<NodeOptions> = {}): Promise<Node> {
    const node = await createNode({ hubs, allowPrivate: true, ...options })
    this.#stops.push(() => node.stop())
    return node
  }

  /** A peer of js-libp2p with its own circuits, or with ours, which listens at a relay if it is told to. */
  async peer(kind: 'ours' | 'stock', { at, token }: { at?: Relay; token?: string } = {}): Promise<Libp2p> {
    const circuits = kind === 'stock' ? circuitRelayTransport() : circuitRelay({ tokenFor: () => token })
    const peer = await createLibp2p({
      ...common(),
      addresses: { listen: at == null ? [] : [`${tcpOf(at)}/p2p-circuit`] },
      transports: [tcp(), circuits],
      streamMuxers: [kind === 'stock' ? stockYamux() : yamux()],
      services: { identify: identify() }
    })
    this.#stops.push(async () => peer.stop())
    return peer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop()
  }
}

export function tcpOf({ libp2p }: Relay): string {
  return libp2p
    .getMultiaddrs()
    .map(String)
    .find(each => each.includes('/tcp/'))!
}
