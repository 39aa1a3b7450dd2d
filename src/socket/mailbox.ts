import { DatagramReader } from '../wire/datagrams.ts'
import type { Counts } from './counts.ts'
import type { PlaneEvent, PlaneReply } from './plane.ts'

/** STUN messages on their way to the main thread: half a megabyte, and what a server answers in some ten milliseconds. */
export const MAX_UNHEARD = 1_024
/** Bytes for pipes on their way to the main thread: 100 ms of 40 MB/s, for a turn that the application takes. More would be a queue, not a path. */
export const MAX_UNHEARD_BYTES = 4 * 1024 * 1024

/** How many STUN messages and bytes for pipes the main thread has heard of: memory that both threads see. */
export type Heard = Int32Array<SharedArrayBuffer>

const STUN = 0
const PIPE_BYTES = 1

export const newHeard = (): Heard => new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))

/** To be called by the main thread for each message. */
export function hear(heard: Heard, message: PlaneEvent): void {
  if (isStun(message)) Atomics.add(heard, STUN, 1)
  else if (message.event === 'pipe') Atomics.add(heard, PIPE_BYTES, message.bytes.length)
}

/**
 * What a data plane tells the main thread. A port's queue has no bound, and anybody can send STUN: while the application is busy,
 * more than a number of messages are dropped, as a socket does whose buffer is full. So is what pipes should carry.
 */
export class Mailbox {
  readonly #port: { postMessage(message: PlaneEvent | PlaneReply, transfer?: readonly ArrayBuffer[]): void }
  readonly #heard: Heard
  readonly #dropped: (message: PlaneEvent) => void
  /** Both count modulo 2^32, as what is heard does. */
  readonly #posted = new Int32Array(2)

  constructor(
    port: { postMessage(message: PlaneEvent | PlaneReply, transfer?: readonly ArrayBuffer[]): void },
    heard: Heard,
    /** Called for each message that is not told. */
    dropped: (message: PlaneEvent) => void
  ) {
    this.#port = port
    this.#heard = heard
    this.#dropped = dropped
  }

  readonly post = (message: PlaneEvent | PlaneReply): void => {
    if (!('event' in message)) this.#port.postMessage(message)
    else if (isStun(message)) {
      if (this.#fits(STUN, 1, MAX_UNHEARD)) this.#port.postMessage(message)
      else this.#dropped(message)
    } else if (message.event === 'pipe') {
      const { bytes } = message
      if (this.#fits(PIPE_BYTES, bytes.length, MAX_UNHEARD_BYTES)) this.#port.postMessage(message, [bytes.buffer])
      else this.#dropped(message)
    } else this.#port.postMessage(message)
  }

  #fits(what: typeof STUN | typeof PIPE_BYTES, amount: number, most: number): boolean {
    const unheard = (this.#posted[what]! - Atomics.load(this.#heard, what)) | 0
    if (unheard + amount > most) return false
    this.#posted[what]! += amount
    return true
  }
}

function isStun({ event }: PlaneEvent): boolean {
  return event === 'stun' || event === 'pipe-stun'
}

/** Counts what a message would have told that the main thread was too busy for. */
export function countUnheard(counts: Counts, message: PlaneEvent): void {
  if (message.event === 'pipe') counts.droppedPipe += new DatagramReader().push(message.bytes).length
  else counts.droppedStun++
}
