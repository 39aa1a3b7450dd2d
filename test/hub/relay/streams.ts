import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'

/** A stream that brings what the test pushes, and holds it back while it is paused, as those of libp2p do. */
export class Source extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  aborted: Error | undefined
  readonly #waiting = new Uint8ArrayList()
  #endless = 0
  #hasEnded = false

  get stream(): Stream {
    return this as unknown as Stream
  }

  /** What a paused stream has been sent and nobody has taken. */
  get waiting(): number {
    return this.#waiting.byteLength
  }

  push(bytes: Uint8Array): void {
    this.#waiting.append(bytes)
    this.#flow()
  }

  /** From now on there is always a chunk more. */
  pushForEver(chunkBytes: number): void {
    this.#endless = chunkBytes
    this.#flow()
  }

  /** The other side says no more. */
  end(): void {
    this.#hasEnded = true
    this.#flow()
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
    this.#flow()
  }

  abort(error: Error): void {
    this.aborted ??= error
    this.status = 'aborted'
    this.readStatus = 'closed'
  }

  #flow(): void {
    while (this.readStatus === 'readable') {
      if (this.#endless > 0) this.#waiting.append(new Uint8Array(this.#endless))
      if (this.#waiting.byteLength === 0) break
      const data = this.#waiting.sublist()
      this.#waiting.consume(data.byteLength)
      this.dispatchEvent(Object.assign(new Event('message'), { data }))
    }
    if (!this.#hasEnded || this.#waiting.byteLength > 0 || this.readStatus !== 'readable') return
    this.#hasEnded = false
    this.dispatchEvent(new Event('end'))
  }
}

/** A stream that takes what it is given, and says that it is full when told to. */
export class Sink extends EventTarget {
  status = 'open'
  writeStatus = 'writable'
  aborted: Error | undefined
  closed = false
  isFull = false
  readonly pieces: number[] = []
  readonly #bytes = new Uint8ArrayList()

  get stream(): Stream {
    return this as unknown as Stream
  }

  get received(): number {
    return this.#bytes.byteLength
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray()
  }

  send(data: Uint8ArrayList): boolean {
    this.pieces.push(data.byteLength)
    this.#bytes.append(data)
    return !this.isFull
  }

  drain(): void {
    this.isFull = false
    this.dispatchEvent(new Event('drain'))
  }

  async close(): Promise<void> {
    this.closed = true
    this.writeStatus = 'closing'
  }

  abort(error: Error): void {
    this.aborted ??= error
    this.status = 'aborted'
    this.writeStatus = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}
