import { OWN_ID_BYTES, STUN_COOKIE } from '../demux.ts'
import type { Koffi } from '../koffi.ts'
import { SOL_UDP, UDP_GRO, UDP_SEGMENT } from './libc.ts'

/** Messages a call: with GRO and GSO, 8 to 64 of them measured the same (docs/performance.md), and 32 × 64 KiB are 2 MiB. */
export const BATCH = 32
/** The largest that GRO hands over: a datagram's 16-bit length. */
const PAYLOAD_BYTES = 65536
/** sizeof(struct mmsghdr) on 64-bit Linux. */
const HEADER_BYTES = 64
const IOVEC_BYTES = 16
/** Room for a sockaddr_in6, rounded up. */
export const NAME_BYTES = 32
const CONTROL_BYTES = 64
/** CMSG_LEN(sizeof(uint16)) and CMSG_SPACE of it (cmsg(3)). */
const SEGMENT_CMSG_LEN = 18
const SEGMENT_CMSG_SPACE = 24
/** What the kernel takes joined: UDP_MAX_SEGMENTS before Linux 6.9, and what fits into one IPv4 packet. */
const MAX_SEGMENTS = 64
const MAX_JOINED_BYTES = 65_507
const COOKIE = Buffer.from(STUN_COOKIE.toString(16), 'hex')

/**
 * One block of memory that the kernel reads and writes: payloads, message headers to receive with, headers to send with,
 * and what they point at. A datagram is received into a slot and sent on out of the same slot: no byte is copied here.
 *
 * Word offsets into `mmsghdr` (64-bit, little endian): 0 msg_name, 2 msg_namelen, 4 msg_iov, 6 msg_iovlen, 8 msg_control,
 * 10 msg_controllen, 12 msg_flags, 14 msg_len. Into `cmsghdr`: 0 cmsg_len, 2 cmsg_level, 3 cmsg_type, 4 the data.
 */
export class Arena {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly #longs: BigUint64Array
  readonly #koffi: Koffi
  readonly #memory: unknown
  readonly #base: bigint
  readonly #receiveAt = BATCH * PAYLOAD_BYTES
  readonly #sendAt = this.#receiveAt + BATCH * HEADER_BYTES
  readonly #iovecAt = this.#sendAt + BATCH * HEADER_BYTES
  readonly #nameAt = this.#iovecAt + BATCH * IOVEC_BYTES
  readonly #controlAt = this.#nameAt + BATCH * NAME_BYTES
  readonly #endAt = this.#controlAt + BATCH * CONTROL_BYTES

  constructor(koffi: Koffi) {
    const memory = koffi.alloc('uint8_t', this.#endAt)
    this.#koffi = koffi
    this.#memory = memory
    this.#base = koffi.address(memory)
    const buffer = koffi.view(memory, this.#endAt)
    this.bytes = new Uint8Array(buffer)
    this.words = new Uint32Array(buffer)
    this.#longs = new BigUint64Array(buffer)
    for (let i = 0; i < BATCH; i++) {
      const iovec = (this.#iovecAt + i * IOVEC_BYTES) >> 3
      this.#longs[iovec] = this.#base + BigInt(i * PAYLOAD_BYTES)
      for (const headers of [this.#receiveAt, this.#sendAt]) {
        const header = (headers + i * HEADER_BYTES) >> 3
        this.#longs[header + 2] = this.#base + BigInt(this.#iovecAt + i * IOVEC_BYTES)
        this.#longs[header + 3] = 1n
        this.#longs[header + 4] = this.#base + BigInt(this.#controlAt + i * CONTROL_BYTES)
      }
      this.#longs[(this.#receiveAt + i * HEADER_BYTES) >> 3] = this.#base + BigInt(this.#nameAt + i * NAME_BYTES)
    }
  }

  get receiveHeaders(): bigint {
    return this.#base + BigInt(this.#receiveAt)
  }

  sendHeaders(from: number): bigint {
    return this.#base + BigInt(this.#sendAt + from * HEADER_BYTES)
  }

  /** Makes every slot ready to receive. */
  reset(): void {
    for (let i = 0; i < BATCH; i++) {
      const header = (this.#receiveAt + i * HEADER_BYTES) >> 2
      this.words[header + 2] = NAME_BYTES
      this.words[header + 10] = CONTROL_BYTES
      this.words[(this.#iovecAt + i * IOVEC_BYTES + 8) >> 2] = PAYLOAD_BYTES
    }
  }

  length(i: number): number {
    return this.words[((this.#receiveAt + i * HEADER_BYTES) >> 2) + 14]!
  }

  /** How long the datagrams are that GRO has joined in this slot (the last may be shorter); the length when there is one. */
  segmentBytes(i: number): number {
    const length = this.length(i)
    if (this.words[((this.#receiveAt + i * HEADER_BYTES) >> 2) + 10] === 0) return length
    const control = (this.#controlAt + i * CONTROL_BYTES) >> 2
    if (this.words[control + 2] !== SOL_UDP || this.words[control + 3] !== UDP_GRO) return length
    const size = this.words[control + 4]!
    return size > 0 && size < length ? size : length
  }

  payload(i: number): Uint8Array {
    return this.bytes.subarray(i * PAYLOAD_BYTES, i * PAYLOAD_BYTES + this.length(i))
  }

  firstByte(i: number): number {
    return this.bytes[i * PAYLOAD_BYTES]!
  }

  /** The datagrams that GRO has joined in this slot, one by one. */
  *segments(i: number): Generator<Uint8Array> {
    const payload = this.payload(i)
    const size = this.segmentBytes(i)
    // an empty datagram is one, too
    yield payload.subarray(0, size)
    for (let at = size; at < payload.length; at += size) yield payload.subarray(at, at + size)
  }

  /** Whether every datagram in this slot has a short QUIC header: no first bit, and no magic cookie where STUN has it. */
  isShortHeader(i: number): boolean {
    const end = i * PAYLOAD_BYTES + this.length(i)
    const size = this.segmentBytes(i)
    if (size === 0) return false
    for (let at = i * PAYLOAD_BYTES; at < end; at += size) {
      const first = this.bytes[at]!
      if (first >= 0x80) return false
      if (first < 0x40 && end - at >= 8 && this.#hasCookie(at + 4)) return false
    }
    return true
  }

  /** Whether all datagrams in this slot, with short headers, are addressed to one id; GRO joins what comes from one address. */
  isToOneId(i: number): boolean {
    const start = i * PAYLOAD_BYTES
    const end = start + this.length(i)
    const size = this.segmentBytes(i)
    for (let at = start + size; at < end; at += size) {
      for (let byte = 1; byte <= OWN_ID_BYTES; byte++) {
        if (this.bytes[at + byte] !== this.bytes[start + byte]) return false
      }
    }
    return true
  }

  #hasCookie(at: number): boolean {
    return COOKIE.every((byte, i) => this.bytes[at + i] === byte)
  }

  payloadPointer(i: number, at: number): bigint {
    return this.#base + BigInt(i * PAYLOAD_BYTES + at)
  }

  /** Word index of the sender's address. */
  nameWord(i: number): number {
    return (this.#nameAt + i * NAME_BYTES) >> 2
  }

  namePointer(i: number): { low: number; high: number } {
    const pointer = this.#base + BigInt(this.#nameAt + i * NAME_BYTES)
    return { low: Number(pointer & 0xffffffffn), high: Number(pointer >> 32n) }
  }

  name(i: number): Uint8Array {
    const at = this.#nameAt + i * NAME_BYTES
    return this.bytes.slice(at, at + NAME_BYTES)
  }

  /** How many datagrams slot `i` holds. */
  count(i: number): number {
    const size = this.segmentBytes(i)
    return size === 0 ? 1 : Math.ceil(this.length(i) / size)
  }

  /**
   * Fills slot `i` with datagrams that can be sent joined: of one length, but the last, which may be shorter.
   *
   * @returns where those begin that did not fit
   */
  fill(i: number, datagrams: readonly Uint8Array[], from: number): number {
    const size = datagrams[from]!.length
    let length = 0
    let next = from
    while (next < datagrams.length && next - from < MAX_SEGMENTS) {
      const bytes = datagrams[next]!
      if (bytes.length > size || length + bytes.length > MAX_JOINED_BYTES) break
      this.bytes.set(bytes, i * PAYLOAD_BYTES + length)
      length += bytes.length
      next++
      if (bytes.length < size) break
    }
    const header = (this.#receiveAt + i * HEADER_BYTES) >> 2
    this.words[header + 14] = length
    this.words[header + 10] = 0
    if (next - from > 1) this.join(i, size)
    return next
  }

  /** Marks what slot `i` holds as datagrams of that length, joined, as GRO does. */
  join(i: number, segmentBytes: number): void {
    const control = (this.#controlAt + i * CONTROL_BYTES) >> 2
    this.words[control + 2] = SOL_UDP
    this.words[control + 3] = UDP_GRO
    this.words[control + 4] = segmentBytes
    this.words[((this.#receiveAt + i * HEADER_BYTES) >> 2) + 10] = SEGMENT_CMSG_SPACE
  }

  /**
   * Turns what was received in slot `i` into what will be sent: to the address at that pointer, or (0) to the connected
   * one. What was received joined goes out joined (GSO).
   */
  prepare(i: number, nameLow: number, nameHigh: number, nameBytes: number): void {
    const header = (this.#sendAt + i * HEADER_BYTES) >> 2
    const length = this.length(i)
    const segment = this.segmentBytes(i)
    this.words[(this.#iovecAt + i * IOVEC_BYTES + 8) >> 2] = length
    this.words[header] = nameLow
    this.words[header + 1] = nameHigh
    this.words[header + 2] = nameBytes
    if (segment === length) {
      this.words[header + 10] = 0
      return
    }
    const control = (this.#controlAt + i * CONTROL_BYTES) >> 2
    this.words[control] = SEGMENT_CMSG_LEN
    this.words[control + 1] = 0
    this.words[control + 3] = UDP_SEGMENT
    this.words[header + 10] = SEGMENT_CMSG_SPACE
  }

  /** Turns the prepared slot `i` to another address; all else stays. */
  redirect(i: number, nameLow: number, nameHigh: number, nameBytes: number): void {
    const header = (this.#sendAt + i * HEADER_BYTES) >> 2
    this.words[header] = nameLow
    this.words[header + 1] = nameHigh
    this.words[header + 2] = nameBytes
  }

  /** Where the prepared slot `i` goes to. */
  preparedName(i: number): { pointer: bigint; bytes: number } {
    const header = (this.#sendAt + i * HEADER_BYTES) >> 2
    return { pointer: this.#longs[header >> 1]!, bytes: this.words[header + 2]! }
  }

  /** How long the datagrams are that the prepared slot `i` goes out as; 0 when it is one. */
  preparedSegmentBytes(i: number): number {
    if (this.words[((this.#sendAt + i * HEADER_BYTES) >> 2) + 10] === 0) return 0
    return this.words[((this.#controlAt + i * CONTROL_BYTES) >> 2) + 4]!
  }

  free(): void {
    this.#koffi.free(this.#memory)
  }
}
