import type { Clock } from '../core/clock.ts'
import type { DatagramNet, Endpoint, Input, Machine, Step } from '../core/machine.ts'
import { drive } from '../core/machine.ts'
import { isSameAddress } from './uplink.ts'

export interface ExchangeInit<Answer> {
  readonly to: Endpoint
  /** What to send, and when after the start; in order. */
  readonly sends: readonly { readonly atMs: number; readonly bytes: Uint8Array }[]
  /** When to give up. */
  readonly endMs: number
  /** Undefined: not an answer to this. */
  read(bytes: Uint8Array): Answer | undefined
}

/**
 * One question to a server, repeated until it is answered or the time is up: the whole of PCP's and NAT-PMP's transport. What comes
 * from anybody else is not heard.
 */
export class Exchange<Answer> implements Machine<Answer | undefined> {
  readonly #init: ExchangeInit<Answer>
  #startMs = 0
  #next = 0

  constructor(init: ExchangeInit<Answer>) {
    this.#init = init
  }

  /** Its one event is the answer, or undefined when there was none. */
  step(nowMs: number, input: Input): Step<Answer | undefined> {
    switch (input.type) {
      case 'start':
        this.#startMs = nowMs
        return this.#due(nowMs)
      case 'tick':
        return this.#due(nowMs)
      case 'packet': {
        const { to, read } = this.#init
        const isFrom = input.from.port === to.port && isSameAddress(input.from.address, to.address)
        const answer = isFrom ? read(input.bytes) : undefined
        return answer === undefined ? { wakeAtMs: this.#wakeAtMs() } : { events: [answer], done: true }
      }
      case 'cancel':
        return { done: true }
      default:
        return input satisfies never
    }
  }

  #due(nowMs: number): Step<Answer | undefined> {
    const { to, sends, endMs } = this.#init
    if (nowMs >= this.#startMs + endMs) return { events: [undefined], done: true }
    const send = []
    while (this.#next < sends.length && this.#startMs + sends[this.#next]!.atMs <= nowMs) {
      send.push({ bytes: sends[this.#next++]!.bytes, to })
    }
    return { send, wakeAtMs: this.#wakeAtMs() }
  }

  #wakeAtMs(): number {
    return this.#startMs + (this.#init.sends[this.#next]?.atMs ?? this.#init.endMs)
  }
}

/** @returns the answer, or undefined when there was none. @throws the signal's reason */
export async function exchange<Answer>(
  init: ExchangeInit<Answer>,
  net: DatagramNet,
  clock: Clock,
  signal: AbortSignal
): Promise<Answer | undefined> {
  signal.throwIfAborted()
  let answer: Answer | undefined
  const driven = drive(
    new Exchange(init),
    net,
    clock,
    event => {
      answer = event
    },
    signal
  )
  await driven.ended
  if (answer === undefined) signal.throwIfAborted()
  return answer
}
