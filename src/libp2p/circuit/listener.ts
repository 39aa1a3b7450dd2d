import type { Listener, ListenerEvents, PeerId } from '@libp2p/interface'
import type { AddressManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { NatError } from '../../core/errors.ts'
import { lastPeer } from './address.ts'
import type { Relays, Reservation } from './relays.ts'

/**
 * Listening at a relay. It lasts: `listen` resolves when the relay has been asked once, whatever came of it, and the
 * relay is asked again until it grants a reservation (`getAddrs` tells).
 */
export class CircuitListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #relays: Relays
  readonly #addressManager: AddressManager
  readonly #unsubscribe: Array<() => void>
  #relay: PeerId | undefined
  #addresses: Multiaddr[] = []

  constructor(relays: Relays, addressManager: AddressManager) {
    super()
    this.#relays = relays
    this.#addressManager = addressManager
    this.#unsubscribe = [
      relays.events.on('reserved', reservation => this.#onReserved(reservation)),
      relays.events.on('lost', ({ relay }) => {
        if (this.#relay?.equals(relay) === true) this.#announce([])
      })
    ]
  }

  /** @throws NatError BAD_ADDRESS */
  async listen(address: Multiaddr): Promise<void> {
    const relayAddress = address.decapsulate('/p2p-circuit')
    const relay = lastPeer(relayAddress)
    if (relay == null)
      throw new NatError('BAD_ADDRESS', `${address} names no relay: it ends like /p2p/RELAY/p2p-circuit`)
    this.#relay = relay
    await this.#relays.keep(relay, relayAddress)
  }

  getAddrs(): Multiaddr[] {
    return this.#addresses
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#announce([])
    if (this.#relay != null) await this.#relays.release(this.#relay)
    this.safeDispatchEvent('close')
  }

  #onReserved({ relay, relayAddresses }: Reservation): void {
    if (this.#relay?.equals(relay) === true) {
      this.#announce(relayAddresses.map(address => address.encapsulate('/p2p-circuit')))
    }
  }

  #announce(addresses: Multiaddr[]): void {
    const before = this.#addresses
    this.#addresses = addresses
    // a relayed address is there for everybody as soon as the relay has said so: nobody needs to confirm it
    for (const each of addresses) this.#addressManager.confirmObservedAddr(each, { type: 'transport' })
    const gone = before.filter(each => !addresses.some(other => other.equals(each)))
    for (const each of gone) this.#addressManager.removeObservedAddr(each)
    if (addresses.length > 0 || gone.length > 0) queueMicrotask(() => this.safeDispatchEvent('listening'))
  }
}
