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
import { sourceOf } from '../../core/ip.ts'
import { endpointOf } from '../../libp2p/candidate.ts'
import { Frames } from '../../libp2p/frames.ts'
import { HOP_PROTOCOL, type HopMessage, hopCodec } from '../../wire/circuit.ts'
import type { Access } from '../access/access.ts'
import { Circuits } from './circuits.ts'
import { relayCircuit } from './connect.ts'
import type { RelayLimits } from './limits.ts'
import { type Refusal, refusalMessage, refused } from './refusal.ts'
import type { ReservationEvents } from './reservation-events.ts'
import { Reservations } from './reservations.ts'
import { Traffic } from './traffic.ts'
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

export interface RelayInit {
  readonly limits: RelayLimits
  readonly access: Access
  readonly clock: Clock
  readonly events?: Events<ReservationEvents>
}

/** Requests of one peer: enough to reach many others at once, not to keep the hub busy with refusals. */
const REQUEST_ALLOWANCE = { burst: 256, refillMs: 50, maxKeys: 20_000 } as const
const TOO_OFTEN = 'you ask too often: it takes 256 requests at once, and then 20 a second'
const REQUEST_TIMEOUT_MS = 10_000
const MAX_HOP_STREAMS = 1_024
/** Relay addresses that a peer is told; a frame has 4 KiB. */
const MAX_ADDRESSES = 24

/** Circuit relay v2, the relay's side. https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md */
export class RelayService implements Startable {
  readonly [serviceCapabilities]: string[] = ['@libp2p/circuit-relay-v2']
  readonly #components: RelayComponents
  readonly #access: Access
  readonly #clock: Clock
  readonly #log: Logger
  readonly #reservations: Reservations
  readonly #circuits: Circuits
  readonly #traffic: Traffic
  readonly #requests = new Allowance(REQUEST_ALLOWANCE)
  #limits: RelayLimits
  #stopping = new AbortController()

  constructor(components: RelayComponents, { limits, access, clock, events }: RelayInit) {
    this.#components = components
    this.#limits = limits
    this.#access = access
    this.#clock = clock
    this.#log = components.logger.forComponent('beeline:relay')
    this.#reservations = new Reservations(() => this.#limits, clock, events)
    this.#circuits = new Circuits(() => this.#limits)
    this.#traffic = new Traffic(limits, clock)
  }

  /**
   * From now on other limits count; nothing that runs is ended for it. How long reservations last stays as it was. Who may not use the hub any
   * more loses its reservation.
   */
  change(limits: RelayLimits): void {
    this.#limits = { ...limits, reservationTtlSeconds: this.#limits.reservationTtlSeconds }
    this.#traffic.change(this.#limits)
    this.#reservations.dropIf(peer => this.#access.refusal(peer) != null)
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
        frames.send(refusalMessage(refusal ?? refused('MALFORMED_MESSAGE')))
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

  #refusal(request: HopMessage | undefined, connection: Connection): Refusal | undefined {
    if (request == null) return refused('MALFORMED_MESSAGE')
    if (request.type !== 'RESERVE' && request.type !== 'CONNECT') return refused('UNEXPECTED_MESSAGE')
    // a relay behind a relay would double every cost, and hide who pays
    if (!connection.direct) return refused('PERMISSION_DENIED', 'it does nothing for peers that come over a relay')
    // what is remembered of a peer is forgotten when its connection closes
    if (connection.status !== 'open') return refused('PERMISSION_DENIED')
    const key = connection.remotePeer.toString()
    if (!this.#requests.take(key, this.#clock.now())) return refused('RESOURCE_LIMIT_EXCEEDED', TOO_OFTEN)
    const reason = this.#access.admit(key, request.token, sourceIn(connection))
    return reason == null ? undefined : refused('PERMISSION_DENIED', reason)
  }

  async #reserve(connection: Connection): Promise<HopMessage> {
    const { peerId, privateKey, addressManager } = this.#components
    const { remotePeer } = connection
    const refusal = this.#reservations.grant(remotePeer, sourceIn(connection))
    if (refusal != null) return refusalMessage(refused('RESERVATION_REFUSED', refusal))
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
    const refusal = await relayCircuit(
      {
        connectionManager: this.#components.connectionManager,
        self: this.#components.peerId,
        reservations: this.#reservations,
        circuits: this.#circuits,
        traffic: this.#traffic,
        clock: this.#clock,
        limits: this.#limits,
        ...this.#limit()
      },
      { frames, target: request.peer, from: connection.remotePeer },
      AbortSignal.any([signal, this.#stopping.signal])
    )
    if (refusal == null) return
    this.#log('no circuit for %p: %s', connection.remotePeer, refusal.status)
    frames.send(refusalMessage(refusal))
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
      this.#access.forget(remotePeer.toString())
    }
  }
}

/** Whose limits a connection counts for. */
function sourceIn({ remoteAddr }: Connection): string {
  return sourceOf(endpointOf(remoteAddr)?.address ?? remoteAddr.toString())
}
