import type { Koffi } from '../koffi.ts'
import { Arena, BATCH } from './arena.ts'
import * as os from './libc.ts'

/** A descriptor that batches are sent by. */
export interface Outlet {
  readonly fd: number
  /** Cleared when the system turns out not to take segmented sends by it (no checksum offload, an old kernel). */
  gso: boolean
}

/** What a system says that does not take segmented sends: no checksum offload, no GSO, segments longer than the link's MTU. */
const NOT_JOINED: readonly number[] = [os.EIO, os.EINVAL, os.EMSGSIZE]
/** How often a batch waits for room in a full send buffer, a millisecond each: longer, and the other peers would wait too. */
const MAX_WAITS = 3

/** Datagrams that are received, and sent on out of the same memory, many with one system call. */
export class Batch {
  readonly arena: Arena
  readonly #libc: os.Libc
  readonly #dropped: () => void
  readonly #pollfd = new Uint8Array(8)

  /** @param dropped called for each message that the system did not take */
  constructor(koffi: Koffi, libc: os.Libc, dropped: () => void) {
    this.arena = new Arena(koffi)
    this.#libc = libc
    this.#dropped = dropped
    this.#pollfd[4] = os.POLLOUT
  }

  /** @returns how many slots were filled; -1 when there was nothing, or an error such as ECONNREFUSED, which is now gone */
  receive(fd: number): number {
    this.arena.reset()
    return this.#libc.recvmmsg(fd, this.arena.receiveHeaders, BATCH, os.MSG_DONTWAIT, null)
  }

  /**
   * Sends the prepared slots. What the system refuses is lost, as on any network; but a full buffer gets a moment to drain,
   * and datagrams that it does not take joined go out one by one.
   */
  flush(outlet: Outlet, from: number, to: number): void {
    const { arena } = this
    let waits = 0
    for (let next = from; next < to; ) {
      const joined = arena.preparedSegmentBytes(next) > 0
      if (joined && !outlet.gso) {
        this.#sendOneByOne(outlet.fd, next++)
        continue
      }
      let end = to
      if (!outlet.gso) for (end = next + 1; end < to && arena.preparedSegmentBytes(end) === 0; ) end++
      const sent = this.#libc.sendmmsg(outlet.fd, arena.sendHeaders(next), end - next, os.MSG_DONTWAIT)
      if (sent > 0) {
        next += sent
        continue
      }
      const errno = this.#libc.errno()
      if (errno === os.EINTR) continue
      if (errno === os.EAGAIN && waits++ < MAX_WAITS) this.#waitForRoom(outlet.fd)
      else if (joined && NOT_JOINED.includes(errno)) {
        // these also stand for a bad address or one datagram that is too long; then GSO is not to blame
        if (this.#sendOneByOne(outlet.fd, next++)) outlet.gso = false
      } else {
        this.#dropped()
        next++
      }
    }
  }

  /** Sends datagrams to the address that the descriptor is connected to. What was received before is gone. */
  sendAll(outlet: Outlet, datagrams: readonly Uint8Array[]): void {
    for (let at = 0; at < datagrams.length; ) {
      let slots = 0
      for (; slots < BATCH && at < datagrams.length; slots++) {
        at = this.arena.fill(slots, datagrams, at)
        this.arena.prepare(slots, 0, 0, 0)
      }
      this.flush(outlet, 0, slots)
    }
  }

  free(): void {
    this.arena.free()
  }

  #waitForRoom(fd: number): void {
    new DataView(this.#pollfd.buffer).setInt32(0, fd, true)
    this.#libc.poll(this.#pollfd, 1, 1)
  }

  /** @returns whether the system took the first, which is of full length */
  #sendOneByOne(fd: number, i: number): boolean {
    const { arena } = this
    const size = arena.preparedSegmentBytes(i)
    const length = arena.length(i)
    const { pointer, bytes } = arena.preparedName(i)
    let taken = false
    for (let at = 0; at < length; at += size) {
      const part = Math.min(size, length - at)
      const result = this.#libc.sendto(fd, arena.payloadPointer(i, at), part, os.MSG_DONTWAIT, pointer, bytes)
      if (result < 0) this.#dropped()
      else if (at === 0) taken = true
    }
    return taken
  }
}
