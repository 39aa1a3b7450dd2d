import { NatError } from '../core/errors.ts'
import { DatagramReader, FRAME_HEAD_BYTES, frameInto, MAX_DATAGRAM_BYTES } from '../wire/datagrams.ts'
import type { Counts } from './counts.ts'
import type { PlaneEvent } from './plane.ts'

/** Frames in one message to the main thread: what is written to a stream at once. */
const MESSAGE_BYTES = 64 * 1024

interface Pipe {
  /** Made with the first bytes. */
  reader: DatagramReader | undefined
  readonly out: Uint8Array[]
  outBytes: number
}

/** The pipes that the main thread carries: datagrams here, frames there (wire/datagrams.ts). */
export class Pipes {
  readonly #open = new Map<number, Pipe>()
  /** Those that have something to write. */
  readonly #full = new Set<number>()
  readonly #post: (event: PlaneEvent) => void
  readonly #counts: Counts

  constructor(post: (event: PlaneEvent) => void, counts: Counts) {
    this.#post = post
    this.#counts = counts
  }

  get size(): number {
    return this.#open.size
  }

  has(pipe: number): boolean {
    return this.#open.has(pipe)
  }

  open(pipe: number): void {
    if (!this.#open.has(pipe)) this.#open.set(pipe, { reader: undefined, out: [], outBytes: 0 })
  }

  /** @returns whether it was open */
  close(pipe: number): boolean {
    this.#full.delete(pipe)
    return this.#open.delete(pipe)
  }

  /** Takes the next bytes of the stream. @returns the datagrams that are whole now, or why there will be no more of them */
  read(pipe: number, chunk: Uint8Array): readonly Uint8Array[] | NatError {
    const open = this.#open.get(pipe)
    if (open == null) return []
    open.reader ??= new DatagramReader()
    try {
      return open.reader.push(chunk)
    } catch (error) {
      if (error instanceof NatError) return error
      throw error
    }
  }

  /** Puts a datagram into the next message; its bytes must not change before `flush`. What a frame cannot hold is lost. */
  write(pipe: number, datagram: Uint8Array): void {
    const open = this.#open.get(pipe)
    if (open == null || datagram.length === 0 || datagram.length > MAX_DATAGRAM_BYTES) {
      this.#counts.droppedPipe++
      return
    }
    const bytes = FRAME_HEAD_BYTES + datagram.length
    if (open.outBytes + bytes > MESSAGE_BYTES) this.#tell(pipe, open)
    open.out.push(datagram)
    open.outBytes += bytes
    this.#full.add(pipe)
  }

  /** Hands the main thread what was written. */
  flush(): void {
    if (this.#full.size === 0) return
    for (const pipe of this.#full) this.#tell(pipe, this.#open.get(pipe)!)
    this.#full.clear()
  }

  #tell(pipe: number, open: Pipe): void {
    const bytes = new Uint8Array(open.outBytes)
    let at = 0
    for (const datagram of open.out) at = frameInto(bytes, at, datagram)
    open.out.length = 0
    open.outBytes = 0
    this.#post({ event: 'pipe', pipe, bytes })
  }
}
