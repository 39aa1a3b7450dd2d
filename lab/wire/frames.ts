import type { Koffi } from '../../src/socket/koffi.ts'
import type { Libc } from './libc.ts'
import { MSG_DONTWAIT, MSG_TRUNC } from './libc.ts'

/** Frames a system call. */
const BATCH = 64
/** A frame of 1,500 bytes with its headers, rounded up. */
const SLOT_BYTES = 2048
/** sizeof(struct mmsghdr) on 64-bit Linux. */
const HEADER_BYTES = 64
const IOVEC_BYTES = 16
/** struct virtio_net_hdr: the state of checksumming, in front of each frame. */
const VNET_BYTES = 10

/**
 * Memory for frames under way, and what recvmmsg and sendmmsg need to point into it: a frame stays in the slot that it was
 * received into until it is sent out of it. Slots come off a stack, so that few links with little traffic touch little memory.
 *
 * Word offsets into `mmsghdr` (64-bit, little endian): 4 msg_iov, 6 msg_iovlen, 12 msg_flags, 14 msg_len.
 */
export class Frames {
  readonly #libc: Libc
  readonly #words: Uint32Array
  readonly #headers: bigint
  /** Word indices. */
  readonly #headerAt: number
  readonly #iovecAt: number
  /** Address of slot 0: below 2^53, as all of user space. */
  readonly #base: number
  readonly #free: Int32Array
  #freeCount: number
  readonly #lengths: Uint16Array

  /** @param capacity of all lines together, so that there is always a slot to receive into */
  constructor(koffi: Koffi, libc: Libc, capacity: number) {
    const slots = capacity + BATCH
    const bytes = slots * SLOT_BYTES + BATCH * (HEADER_BYTES + IOVEC_BYTES)
    // malloc of this size maps fresh pages: zero, and not there before they are touched
    const memory = koffi.alloc('uint8_t', bytes)
    const base = koffi.address(memory)
    this.#libc = libc
    this.#words = new Uint32Array(koffi.view(memory, bytes))
    this.#base = Number(base)
    this.#headerAt = (slots * SLOT_BYTES) >> 2
    this.#iovecAt = this.#headerAt + ((BATCH * HEADER_BYTES) >> 2)
    this.#headers = base + BigInt(this.#headerAt * 4)
    this.#free = Int32Array.from({ length: slots }, (_, i) => slots - 1 - i)
    this.#freeCount = slots
    this.#lengths = new Uint16Array(slots)
    for (let i = 0; i < BATCH; i++) {
      const header = this.#headerAt + ((i * HEADER_BYTES) >> 2)
      this.#words.fill(0, header, header + (HEADER_BYTES >> 2))
      this.#point(header + 4, this.#base + (this.#iovecAt + i * (IOVEC_BYTES >> 2)) * 4)
      this.#words[header + 6] = 1
    }
  }

  /** Receives up to a batch; `take` says whether it keeps the frame in that slot, `bytes` long. */
  receive(fd: number, take: (slot: number, bytes: number) => boolean): void {
    for (let i = 0; i < BATCH; i++) this.#aim(i, this.#free[this.#freeCount - 1 - i]!, SLOT_BYTES)
    const count = this.#libc.recvmmsg(fd, this.#headers, BATCH, MSG_DONTWAIT, null)
    if (count <= 0) return
    const top = this.#freeCount - 1
    let refused = 0
    for (let i = 0; i < count; i++) {
      const header = this.#headerAt + ((i * HEADER_BYTES) >> 2)
      const slot = this.#free[top - i]!
      const bytes = this.#words[header + 14]!
      this.#lengths[slot] = bytes
      const whole = (this.#words[header + 12]! & MSG_TRUNC) === 0
      if (!whole || !take(slot, bytes - VNET_BYTES)) this.#refused[refused++] = slot
    }
    this.#freeCount -= count
    for (let i = 0; i < refused; i++) this.#free[this.#freeCount++] = this.#refused[i]!
  }

  readonly #refused = new Int32Array(BATCH)

  /** Sends what `next` gives, until it gives -1. */
  send(fd: number, next: () => number): void {
    for (;;) {
      let count = 0
      while (count < BATCH) {
        const slot = next()
        if (slot < 0) break
        this.#aim(count++, slot, this.#lengths[slot]!)
        this.#free[this.#freeCount++] = slot
      }
      for (let sent = 0; sent < count; ) {
        const now = this.#libc.sendmmsg(fd, this.#headers + BigInt(sent * HEADER_BYTES), count - sent, MSG_DONTWAIT)
        // the first of them failed (interface down, no buffers): it is lost, as on any cable
        sent += now > 0 ? now : 1
      }
      if (count < BATCH) return
    }
  }

  #aim(i: number, slot: number, bytes: number): void {
    const iovec = this.#iovecAt + i * (IOVEC_BYTES >> 2)
    this.#point(iovec, this.#base + slot * SLOT_BYTES)
    this.#words[iovec + 2] = bytes
    this.#words[iovec + 3] = 0
  }

  #point(word: number, address: number): void {
    this.#words[word] = address >>> 0
    this.#words[word + 1] = Math.floor(address / 2 ** 32)
  }
}
