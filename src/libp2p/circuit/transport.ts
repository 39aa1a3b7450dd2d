import {
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Startable,
  type Stream,
  serviceCapabilities,
  type Transport,
  transportSymbol
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Circuit } from '@multiformats/multiaddr-matcher'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { Events } from '../../core/events.ts'
import type { Random } from '../../core/random.ts'
import { STOP_PROTOCOL } from '../../wire/circuit.ts'
import { lastPeer } from './address.ts'
import type { CircuitComponents, CircuitContext, CircuitLinks } from './context.ts'
import { dialCircuit } from './dial.ts'
import type { TokenFor } from './hop.ts'
import { CircuitListener } from './listener.ts'
import { RelayConnections } from './relay-connections.ts'
import { Relays, type ReservationEvents } from './relays.ts'
import { acceptCircuit } from './stop.ts'

/** Relayed connections that peers may be making to us at once, by one relay. */
const MAX_INBOUND_CIRCUITS = 1_024

export interface CircuitOptions {
  /** @default the machine's */
  readonly clock?: Clock
  /** @default secure */
  readonly random?: Random
  /** Told of reservations that come, go and fail. */
  readonly events?: Events<ReservationEvents>
  /** Between nodes that both have them, a relayed connection is a link: it goes on over a direct path. @default none */
  readonly links?: CircuitLinks
  /** What relays that are not open to all are shown, each its own. @default nothing */
  readonly tokenFor?: TokenFor
}

/** Circuit relay v2, the peers' side: dials over relays, and is reachable over them. */
export class CircuitTransport implements Transport, Startable {
  readonly [transportSymbol] = true as const
  readonly [serviceCapabilities] = ['@libp2p/transport', '@libp2p/circuit-relay-v2-transport']
  readonly [Symbol.toStringTag] = 'beeline-circuit'
  readonly #context: CircuitContext
  readonly #connections: RelayConnections
  readonly #relays: Relays
  #stopping = new AbortController()

  constructor(
    components: CircuitComponents,
    { clock, random, events, links, tokenFor }: Required<Omit<CircuitOptions, 'links'>> & Pick<CircuitOptions, 'links'>
  ) {
    this.#connections = new RelayConnections(components, clock, relay => this.#relays.addressesOf(relay))
    this.#context = {
      components,
      log: components.logger.forComponent('beeline:circuit'),
      clock,
      random,
      links,
      tokenFor,
      connectTo: (relay, addresses, signal) => this.#connections.to(relay, addresses, signal)
    }
    this.#relays = new Relays(this.#context, events)
    if (links != null) {
      links.tokenFor = tokenFor
      links.connectTo = async (address, signal) => {
        const relay = lastPeer(address)
        if (relay == null) throw new NatError('BAD_ADDRESS', `${address} names no relay`)
        return await this.#connections.to(relay, [address], signal)
      }
    }
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.#connections.start()
    await this.#context.components.registrar.handle(STOP_PROTOCOL, this.#onStop, {
      maxInboundStreams: MAX_INBOUND_CIRCUITS,
      runOnLimitedConnection: false
    })
  }

  /** Else relays would be connected to anew while the connections to them are closed. */
  beforeStop(): void {
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#connections.stop()
  }

  async stop(): Promise<void> {
    await this.#context.components.registrar.unhandle(STOP_PROTOCOL)
  }

  /**
   * Our network has changed: relays are connected to anew at once, and asked for new reservations. What runs over the connections
   * of before is left alone.
   */
  networkChanged(): void {
    this.#connections.networkChanged()
    this.#relays.networkChanged()
  }

  dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    return dialCircuit(this.#context, address, options)
  }

  createListener(_options: CreateListenerOptions): Listener {
    return new CircuitListener(this.#relays, this.#context.components.addressManager)
  }

  readonly listenFilter = (addresses: Multiaddr[]): Multiaddr[] =>
    addresses.filter(address => /\/p2p\/[^/]+\/p2p-circuit$/.test(address.toString()))

  readonly dialFilter = (addresses: Multiaddr[]): Multiaddr[] =>
    addresses.filter(address => Circuit.exactMatch(address))

  readonly #onStop = async (stream: Stream, relay: Connection): Promise<void> => {
    const signal = this.#context.components.upgrader.createInboundAbortSignal(this.#stopping.signal)
    try {
      await acceptCircuit(this.#context, stream, relay, this.#relays.has(relay.remotePeer), signal)
    } finally {
      signal.clear()
    }
  }
}
