import type { Connection, Logger, PeerId } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { Events } from '../../core/events.ts'
import type { Random } from '../../core/random.ts'
import type { HubAnswer, HubNews, Rendezvous, RendezvousEvents } from './api.ts'
import { HubClient } from './hub-client.ts'

export interface RendezvousClientInit {
  readonly hubs: readonly PeerId[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** The connection to a hub that there is, or a new one. */
  readonly connectTo: (hub: PeerId, signal: AbortSignal) => Promise<Connection>
}

interface Watch {
  readonly peer: Uint8Array
  readonly listeners: Set<(news: HubNews) => void>
}

/** A node's end of the rendezvous streams to its hubs. */
export class RendezvousClient implements Rendezvous {
  readonly hubs: readonly PeerId[]
  readonly events = new Events<RendezvousEvents>()
  readonly #clients: ReadonlyMap<string, HubClient>
  readonly #watches = new Map<string, Watch>()

  constructor({ hubs, connectTo, ...tools }: RendezvousClientInit) {
    // a hub may have been named by several addresses
    const each = new Map(hubs.map(hub => [hub.toString(), hub]))
    this.hubs = [...each.values()]
    this.#clients = new Map(
      this.hubs.map(hub => [
        hub.toString(),
        new HubClient({
          ...tools,
          hub,
          connectTo: signal => connectTo(hub, signal),
          onNews: (peer, envelope) => this.#onNews(hub, peer, envelope),
          onCalled: envelope => this.events.emit('called', { hub, envelope })
        })
      ])
    )
  }

  query(hub: PeerId, peer: PeerId, signal?: AbortSignal): Promise<HubAnswer> {
    return this.#at(hub).ask({ type: 'QUERY', peer: peer.toMultihash().bytes }, signal)
  }

  register(hub: PeerId, envelope: Uint8Array, signal?: AbortSignal): Promise<HubAnswer> {
    const client = this.#at(hub)
    client.keep()
    return client.ask({ type: 'REGISTER', envelope }, signal)
  }

  call(hub: PeerId, peer: PeerId, envelope: Uint8Array, signal?: AbortSignal): Promise<HubAnswer> {
    return this.#at(hub).ask({ type: 'CALL', peer: peer.toMultihash().bytes, envelope }, signal)
  }

  watch(peer: PeerId, listener: (news: HubNews) => void): () => void {
    const { bytes } = peer.toMultihash()
    const key = keyOf(bytes)
    const watch = this.#watches.get(key) ?? { peer: bytes, listeners: new Set() }
    this.#watches.set(key, watch)
    watch.listeners.add(listener)
    // who comes later wants to know what there is, too
    for (const client of this.#clients.values()) client.watch(key, bytes)
    return () => {
      if (!watch.listeners.delete(listener) || watch.listeners.size > 0) return
      this.#watches.delete(key)
      for (const client of this.#clients.values()) client.unwatch(key)
    }
  }

  /** There is a connection to that hub, and a reservation: what it is to know of us may be said. */
  hubBack(hub: PeerId): void {
    this.#clients.get(hub.toString())?.back()
  }

  hubGone(hub: PeerId): void {
    this.#clients.get(hub.toString())?.gone()
  }

  stop(): void {
    this.events.clear()
    this.#watches.clear()
    for (const client of this.#clients.values()) client.stop()
  }

  #at(hub: PeerId): HubClient {
    const client = this.#clients.get(hub.toString())
    if (client == null) throw new NatError('BAD_ADDRESS', `${hub} is none of this node's hubs`)
    return client
  }

  #onNews(hub: PeerId, peer: Uint8Array, envelope: Uint8Array | undefined): void {
    // of a peer that is watched no more, too
    for (const listener of this.#watches.get(keyOf(peer))?.listeners ?? []) listener({ hub, envelope })
  }
}

function keyOf(multihash: Uint8Array): string {
  return Buffer.from(multihash).toString('base64')
}
