import { NatError } from '../core/errors.ts'
import type { PlaneReply, PlaneValue } from './plane.ts'

/** What the main thread has asked of a data plane and waits for. While it does, the program stays alive. */
export class Calls {
  readonly #waiting = new Map<number, PromiseWithResolvers<PlaneValue>>()
  readonly #worker: { ref(): void; unref(): void }
  #nextId = 1

  constructor(worker: { ref(): void; unref(): void }) {
    this.#worker = worker
  }

  nextId(): number {
    return this.#nextId++
  }

  /** The answer to that call. */
  wait(id: number): Promise<PlaneValue> {
    const waiting = Promise.withResolvers<PlaneValue>()
    if (this.#waiting.size === 0) this.#worker.ref()
    this.#waiting.set(id, waiting)
    return waiting.promise
  }

  answer(reply: PlaneReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ('error' in reply) waiting?.reject(new NatError(reply.error.code, reply.error.message))
    else waiting?.resolve(reply.value)
  }

  /** There will be no more answers. */
  fail(error: NatError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
