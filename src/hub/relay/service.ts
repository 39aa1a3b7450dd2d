import {
  type ComponentLogger,
  type Connection,
  type Libp2pEvents,
  type Logger,
  type PeerId,
  type PrivateKey,
  type Startable,
  type Stream,
  serviceCapabilities
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { TypedEventTarget } from 'main-event'
import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { Events } from '../../core/events.ts'
import { Frames } from '../../libp2p/frames.ts'
import { type CircuitStatus, HOP_PROTOCOL, type HopMessage, hopCodec } from '../../wire/circuit.ts'
import { Circuits } from './circuits.ts'
import { relayCircuit } from './connect.ts'
import type { RelayLimits } from './limits.ts'
import type { ReservationEvents } from './reservation-events.ts'
import { Reservations } from './reservations.ts'
import { signVoucher } from './voucher.ts'

export interface RelayComponents {
  readonly peerId: PeerId
  readonly privateKey: PrivateKey
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly addressManager: AddressManager
  readonly logger: ComponentLogger
}

/** Requests of one peer: enough to reach many others at once, not to keep the hub busy with refusals. */
const REQUEST_ALLOWANCE = { burst: 256, refillMs: 50, maxKeys: 20_000 } as const
const REQUEST_TIMEOUT_MS = 10_000
const MAX_HOP_STREAMS = 1_024
/** Relay addresses that a peer is told; a frame has 4 KiB. */
const MAX_ADDRESSES = 24

/** Circuit relay v2, the relay's side. https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md */
export class RelayService implements Startable {
  readonly [serviceCapabilities]: string[] = ['@libp2p/circuit-relay-v2']
  readonly #components: RelayComponents
  readonly #limits: RelayLimits
  readonly #clock: Clock
  readonly #log: Logger
  readonly #reservations: Reservations
  readonly #circuits: Circuits
  readonly #requests = new Allowance(REQUEST_ALLOWANCE)
  #stopping = new AbortController()

  constructor(components: RelayComponents, limits: RelayLimits, clock: Clock, events?: Events<ReservationEvents>) {
    this.#components = components
    this.#limits = limits
    this.#clock = clock
    this.#log = components.logger.forComponent('beeline:relay')
    this.#reservations = new Reservations(limits, clock, events)
    this.#circuits = new Circuits(limits)
  }

  get counts(): { readonly reservations: number; readonly circuits: number } {
    return { reservations: this.#reservations.count, circuits: this.#circuits.count }
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.#components.events.addEventListener('connection:close', this.#onClose)
    await this.#components.registrar.handle(HOP_PROTOCOL, this.#onHop, {
      maxInboundStreams: MAX_HOP_STREAMS,
      runOnLimitedConnection: true
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the hub stops'))
    this.#components.events.removeEventListener('connection:close', this.#onClose)
    await this.#components.registrar.unhandle(HOP_PROTOCOL)
    this.#reservations.clear()
  }

  readonly #onHop = async (stream: Stream, connection: Connection): Promise<void> => {
    const signal = AbortSignal.any([AbortSignal.timeout(REQUEST_TIMEOUT_MS), this.#stopping.signal])
    const frames = new Frames(stream, hopCodec, 'circuit hop')
    try {
      const request = await frames.read(signal).catch(error => {
        if (error instanceof NatError && error.code === 'MALFORMED') return undefined
        throw error
      })
      const refusal = this.#refusal(request, connection)
      if (request == null || refusal != null) {
        frames.send({ type: 'STATUS', status: refusal ?? 'MALFORMED_MESSAGE' })
        await stream.close({ signal })
      } else if (request.type === 'RESERVE') {
        frames.send(await this.#reserve(connection))
        await stream.close({ signal })
      } else await this.#connect(frames, request, connection, signal)
    } catch (error) {
      this.#log('a request of %p came to nothing - %e', connection.remotePeer, error)
      stream.abort(error as Error)
    }
  }

  #refusal(request: HopMessage | undefined, connection: Connection): CircuitStatus | undefined {
    if (request == null) return 'MALFORMED_MESSAGE'
    if (request.type !== 'RESERVE' && request.type !== 'CONNECT') return 'UNEXPECTED_MESSAGE'
    // a relay behind a relay would double every cost, and hide who pays
    if (!connection.direct) return 'PERMISSION_DENIED'
    const key = connection.remotePeer.toString()
    return this.#requests.take(key, this.#clock.now()) ? undefined : 'RESOURCE_LIMIT_EXCEEDED'
  }

  async #reserve({ remotePeer }: Connection): Promise<HopMessage> {
    const { peerId, privateKey, addressManager } = this.#components
    if (!this.#reservations.grant(remotePeer)) return { type: 'STATUS', status: 'RESERVATION_REFUSED' }
    const expire = Math.floor(Date.now() / 1_000) + this.#limits.reservationTtlSeconds
    const addrs = addressManager.getAddresses().filter(address => !address.toString().includes('/p2p-circuit'))
    return {
      type: 'STATUS',
      status: 'OK',
      reservation: {
        expire,
        addrs: addrs.slice(0, MAX_ADDRESSES).map(({ bytes }) => bytes),
        voucher: await signVoucher(privateKey, peerId, remotePeer, expire)
      },
      ...this.#limit()
    }
  }

  async #connect(
    frames: Frames<HopMessage>,
    request: HopMessage,
    connection: Connection,
    signal: AbortSignal
  ): Promise<void> {
    const status = await relayCircuit(
      {
        connectionManager: this.#components.connectionManager,
        self: this.#components.peerId,
        reservations: this.#reservations,
        circuits: this.#circuits,
        limits: this.#limits,
        ...this.#limit()
      },
      { frames, target: request.peer, from: connection.remotePeer },
      AbortSignal.any([signal, this.#stopping.signal])
    )
    if (status === 'OK') return
    this.#log('no circuit for %p: %s', connection.remotePeer, status)
    frames.send({ type: 'STATUS', status })
    await frames.stream.close({ signal })
  }

  #limit() {
    const { circuitSeconds: duration, circuitBytes: data } = this.#limits
    if (duration === 0 && data === 0) return {}
    return { limit: { ...(duration === 0 ? {} : { duration }), ...(data === 0 ? {} : { data }) } }
  }

  readonly #onClose = ({ detail: { remotePeer } }: CustomEvent<Connection>): void => {
    // a reservation lasts as long as the peer can be reached over it
    if (this.#components.connectionManager.getConnections(remotePeer).every(({ status }) => status !== 'open')) {
      this.#reservations.drop(remotePeer)
    }
  }
}
