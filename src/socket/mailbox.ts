import type { PlaneEvent, PlaneReply } from './plane.ts'

/** STUN messages on their way to the main thread: half a megabyte, and what a server answers in some ten milliseconds. */
export const MAX_UNHEARD = 1_024

/** How many STUN messages the main thread has heard of: memory that both threads see. */
export type Heard = Int32Array<SharedArrayBuffer>

export const newHeard = (): Heard => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/** To be called by the main thread for each STUN message. */
export function hear(heard: Heard): void {
  Atomics.add(heard, 0, 1)
}

/**
 * What a data plane tells the main thread. A port's queue has no bound, and anybody can send STUN: while the application is busy,
 * more than a number of messages are dropped, as a socket does whose buffer is full.
 */
export class Mailbox {
  readonly #port: { postMessage(message: PlaneEvent | PlaneReply): void }
  readonly #heard: Heard
  readonly #dropped: () => void
  #posted = 0

  constructor(
    port: { postMessage(message: PlaneEvent | PlaneReply): void },
    heard: Heard,
    /** Called for each message that is not told. */
    dropped: () => void
  ) {
    this.#port = port
    this.#heard = heard
    this.#dropped = dropped
  }

  readonly post = (message: PlaneEvent | PlaneReply): void => {
    if ('event' in message && message.event === 'stun') {
      // both count modulo 2^32
      if (((this.#posted - Atomics.load(this.#heard, 0)) | 0) >= MAX_UNHEARD) {
        this.#dropped()
        return
      }
      this.#posted = (this.#posted + 1) | 0
    }
    this.#port.postMessage(message)
  }
}
