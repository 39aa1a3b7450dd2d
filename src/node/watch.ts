import type { PeerId } from '@libp2p/interface'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import { PeerWatch, type PeerWatchInit, type PeerWhereabouts } from './peer-watch.ts'

/** Peers that are watched at once: as many as a hub takes by one stream. */
export const MAX_WATCHES = 1_024

export type WatchEvents = {
  /** The peer has come, or is somewhere else now. */
  change: PeerWhereabouts
  /** It has left, or no hub knows of it any more. */
  gone: undefined
}

export interface Watch {
  readonly events: Pick<Events<WatchEvents>, 'on'>
  stop(): void
}

interface Watched {
  readonly peer: PeerWatch
  readonly listeners: Set<Events<WatchEvents>>
}

/** The peers that a program watches: each is asked for once, however many watch it. */
export class Watches {
  readonly #init: PeerWatchInit
  readonly #watched = new Map<string, Watched>()

  constructor(init: PeerWatchInit) {
    this.#init = init
  }

  /** @throws NatError LIMIT */
  watch(peer: PeerId): Watch {
    const events = new Events<WatchEvents>()
    const watched = this.#watched.get(peer.toString()) ?? this.#begin(peer)
    watched.listeners.add(events)
    // who comes later hears what is known, once it listens
    queueMicrotask(() => {
      const { current } = watched.peer
      if (current != null && watched.listeners.has(events)) events.emit('change', current)
    })
    return {
      events,
      stop: () => {
        events.clear()
        if (!watched.listeners.delete(events) || watched.listeners.size > 0) return
        watched.peer.stop()
        this.#watched.delete(peer.toString())
      }
    }
  }

  stop(): void {
    for (const { peer, listeners } of this.#watched.values()) {
      peer.stop()
      for (const each of listeners) each.clear()
    }
    this.#watched.clear()
  }

  #begin(peer: PeerId): Watched {
    if (this.#watched.size >= MAX_WATCHES) {
      throw new NatError('LIMIT', `${MAX_WATCHES} peers are watched already: stop a watch before ${peer} is watched`)
    }
    const listeners = new Set<Events<WatchEvents>>()
    const watch = new PeerWatch(peer, this.#init, {
      onChange: whereabouts => {
        for (const each of listeners) each.emit('change', whereabouts)
      },
      onGone: () => {
        for (const each of listeners) each.emit('gone', undefined)
      }
    })
    const watched = { peer: watch, listeners }
    this.#watched.set(peer.toString(), watched)
    return watched
  }
}
