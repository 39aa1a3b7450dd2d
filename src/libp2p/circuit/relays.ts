import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Events } from '../../core/events.ts'
import type { CircuitContext } from './context.ts'
import { keepReservation, Restart } from './keeper.ts'
import { type Granted, reserve } from './reserve.ts'

export type ReservationEvents = {
  /** A relay holds a reservation for us, or a newer one. */
  reserved: Reservation
  /** It holds none any more; it is asked again. */
  lost: { readonly relay: PeerId }
  /** A try to get one failed; the next one follows. */
  failed: { readonly relay: PeerId; readonly error: Error }
}

export interface Reservation extends Granted {
  readonly relay: PeerId
  /** The connection that it hangs on. */
  readonly connection: Connection
}

interface Relay {
  readonly peer: PeerId
  readonly addresses: Multiaddr[]
  readonly stop: AbortController
  readonly restart: Restart
  ended: Promise<void>
  /** What the first try came to. */
  readonly tried: Promise<void>
  users: number
  reservation?: Reservation
}

/** The relays at which we want to be reachable, by peer id, each with one reservation however many addresses it has. */
export class Relays {
  readonly events: Events<ReservationEvents>
  readonly #context: CircuitContext
  readonly #relays = new Map<string, Relay>()

  constructor(context: CircuitContext, events: Events<ReservationEvents>) {
    this.#context = context
    this.events = events
  }

  /** Begins to keep a reservation there, or adds an address to one that is kept. @returns when it has been tried once */
  async keep(peer: PeerId, address: Multiaddr): Promise<void> {
    const known = this.#relays.get(peer.toString())
    if (known != null) {
      known.addresses.push(address)
      known.users++
      return await known.tried
    }
    const stop = new AbortController()
    const { promise: tried, resolve } = Promise.withResolvers<void>()
    const relay: Relay = {
      peer,
      addresses: [address],
      stop,
      restart: new Restart(),
      tried,
      users: 1,
      ended: Promise.resolve()
    }
    this.#relays.set(peer.toString(), relay)
    relay.ended = this.#run(relay, resolve)
    await tried
  }

  async release(peer: PeerId): Promise<void> {
    const relay = this.#relays.get(peer.toString())
    if (relay == null || --relay.users > 0) return
    this.#relays.delete(peer.toString())
    relay.stop.abort()
    await relay.ended
  }

  /** Whether we asked this peer to relay for us. */
  has(peer: PeerId): boolean {
    return this.#relays.has(peer.toString())
  }

  get(peer: PeerId): Reservation | undefined {
    return this.#relays.get(peer.toString())?.reservation
  }

  /** The ways to a relay at which we want to be reachable. */
  addressesOf(peer: PeerId): readonly Multiaddr[] {
    return this.#relays.get(peer.toString())?.addresses ?? []
  }

  /** Each relay is asked again at once. Until it has answered, what it granted before counts. */
  networkChanged(): void {
    for (const { restart } of this.#relays.values()) restart.now()
  }

  async #run(relay: Relay, onTried: () => void): Promise<void> {
    const { clock, random, log } = this.#context
    const { peer, stop, restart } = relay
    // the relay's other addresses are named in the same turn: the first try is to know them all
    await Promise.resolve()
    await keepReservation(
      {
        relay: peer.toString(),
        clock,
        random,
        restart,
        reserve: signal => this.#reserve(relay, signal),
        onHeld: ({ reservation }) => {
          relay.reservation = reservation
          log('reserved at %p for %d s', peer, Math.round(reservation.ttlMs / 1_000))
          this.events.emit('reserved', reservation)
          onTried()
        },
        onLost: () => {
          delete relay.reservation
          log('lost the reservation at %p', peer)
          this.events.emit('lost', { relay: peer })
        },
        onFailed: error => {
          log('no reservation at %p - %e', peer, error)
          this.events.emit('failed', { relay: peer, error })
          onTried()
        }
      },
      stop.signal
    )
    onTried()
  }

  async #reserve({ peer, addresses }: Relay, signal: AbortSignal) {
    const connection = await this.#context.connectTo(peer, addresses, signal)
    const askedMs = this.#context.clock.now()
    const granted = await reserve(connection, this.#context.tokenFor, signal)
    // a link that begins before the first ping wants to know how far it is
    connection.rtt ??= this.#context.clock.now() - askedMs
    const { promise: lost, resolve } = Promise.withResolvers<void>()
    if (connection.status === 'open') connection.addEventListener('close', () => resolve(), { once: true })
    else resolve()
    return { ttlMs: granted.ttlMs, lost, reservation: { ...granted, relay: peer, connection } }
  }
}
