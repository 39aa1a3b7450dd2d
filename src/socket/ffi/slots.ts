import type { Koffi } from '../koffi.ts'
import { NAME_BYTES } from './arena.ts'

/** Socket addresses in memory that does not move, for sendmmsg to point at: one slot a flow. */
export class AddressSlots {
  readonly #bytes: Uint8Array
  readonly #base: bigint
  readonly #free: number[]
  /** Frees the memory; nothing may point at it any more. */
  readonly release: () => void

  constructor(koffi: Koffi, count: number) {
    const memory = koffi.alloc('uint8_t', count * NAME_BYTES)
    this.release = () => koffi.free(memory)
    this.#base = koffi.address(memory)
    this.#bytes = new Uint8Array(koffi.view(memory, count * NAME_BYTES))
    this.#free = Array.from({ length: count }, (_, i) => count - 1 - i)
  }

  /** @returns a slot, or -1 when there is none; the flow table's bound is the same, so there is */
  take(): number {
    return this.#free.pop() ?? -1
  }

  give(slot: number): void {
    if (slot >= 0) this.#free.push(slot)
  }

  write(slot: number, sockaddr: Uint8Array): void {
    this.#bytes.set(sockaddr, slot * NAME_BYTES)
  }

  pointer(slot: number): { low: number; high: number } {
    const address = this.#base + BigInt(slot * NAME_BYTES)
    return { low: Number(address & 0xffffffffn), high: Number(address >> 32n) }
  }
}
