import type { Packet } from './packet.ts'

/** Whose turn it is is remembered of so many destinations; then all are dealt anew. */
const MAX_REMEMBERED = 4096

/** Deals connections to several uplinks in turn: by destination address, or each connection on its own. */
export class Balance {
  readonly #by: 'destination' | 'connection'
  readonly #turns = new Map<string, number>()

  constructor(by: 'destination' | 'connection') {
    this.#by = by
  }

  /** @returns which of `count` uplinks a packet takes, always the same for what belongs together */
  choose({ protocol, source, destination }: Packet, count: number): number {
    if (count === 1) return 0
    const connection = `${protocol} ${source.address} ${source.port} ${destination.port} `
    const key = `${this.#by === 'connection' ? connection : ''}${destination.address}`
    let turn = this.#turns.get(key)
    if (turn === undefined) {
      if (this.#turns.size >= MAX_REMEMBERED) this.#turns.clear()
      turn = this.#turns.size % count
      this.#turns.set(key, turn)
    }
    return turn
  }
}
