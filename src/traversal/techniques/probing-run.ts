import type { Timer } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { SocketId } from '../../socket/path.ts'
import { type ProbingMessage, probingMessageCodec } from '../../wire/technique-messages.ts'
import type { AttemptResult, LinkAttempt } from '../technique.ts'
import { MAIN, type Probe, type ProbingAction, type ProbingInput, type ProbingMachine } from './probing.ts'

/** What is heard of the other side in one attempt; an honest one says ten things. */
const MAX_HEARD = 64

/** Runs one side of an attempt until it has found a path, has given up, or is told to stop. */
export function runProbing(context: LinkAttempt, machine: ProbingMachine): Promise<AttemptResult> {
  const main = context.mainSocket(4)
  if (main == null) {
    return Promise.resolve({ outcome: 'failed', reason: 'no-own-address', detail: 'there is no socket for IPv4' })
  }
  return new ProbingRun(context, machine, main).result
}

class ProbingRun {
  readonly result: Promise<AttemptResult>
  readonly #context: LinkAttempt
  readonly #machine: ProbingMachine
  readonly #sockets: SocketId[]
  readonly #settle: PromiseWithResolvers<AttemptResult>
  /** The path that everything else is ended for may be this attempt's: `found` is heard first. */
  readonly #onAbort = () => queueMicrotask(() => this.#abort())
  #timer: Timer | undefined
  #over = false

  constructor(context: LinkAttempt, machine: ProbingMachine, main: SocketId) {
    this.#context = context
    this.#machine = machine
    this.#sockets = [main]
    this.#settle = Promise.withResolvers<AttemptResult>()
    this.result = this.#settle.promise
    if (context.signal.aborted) {
      this.#abort()
      return
    }
    context.signal.addEventListener('abort', this.#onAbort, { once: true })
    void context.found.then(() => this.#end({ outcome: 'ok', reason: 'connected', detail: machine.effort }))
    this.#feed({ type: 'start' })
    // hear() throws when the attempt is over
    this.#listen().catch(() => {})
  }

  async #listen(): Promise<void> {
    for (let heard = 0; heard < MAX_HEARD && !this.#over; heard++) {
      const message = read(await this.#context.hear())
      if (message == null) {
        return this.#end({ outcome: 'failed', reason: 'malformed', detail: 'the other side said what is no message' })
      }
      if (message.type !== 'UNKNOWN') this.#feed({ type: 'heard', message })
    }
  }

  #feed(input: ProbingInput): void {
    if (this.#over) return
    this.#timer?.cancel()
    try {
      const { clock } = this.#context
      const { actions = [], wakeAtMs, end } = this.#machine.step(clock.now(), input)
      const held = this.#perform(actions)
      if (end != null) this.#end(end)
      else if (held.length > 0) this.#feed({ type: 'held', probes: held })
      else if (wakeAtMs != null) {
        this.#timer = clock.after(Math.max(0, wakeAtMs - clock.now()), () => this.#feed({ type: 'tick' }))
      }
    } catch (error) {
      this.#over = true
      this.#release()
      this.#settle.reject(error)
    }
  }

  /** @returns the probes that were not sent */
  #perform(actions: readonly ProbingAction[]): Probe[] {
    const held: Probe[] = []
    for (const action of actions) {
      switch (action.type) {
        case 'probe':
          // the order of what leaves matters: nothing overtakes what was held
          if (held.length > 0 || !this.#context.probe(this.#socket(action.probe.from), action.probe.to)) {
            held.push(action.probe)
          }
          break
        case 'say':
          this.#context.say(probingMessageCodec.encode(action.message))
          break
        case 'open':
          void this.#open(action.count)
          break
        case 'observe':
          void this.#observe(action.socket)
          break
        default:
          return action satisfies never
      }
    }
    return held
  }

  async #open(count: number): Promise<void> {
    let opened: readonly SocketId[] = []
    try {
      opened = await this.#context.openSockets(count, 4)
    } catch {
      // the machine makes do with what it has
    }
    if (this.#over) return
    const first = this.#sockets.length
    this.#sockets.push(...opened)
    this.#feed({ type: 'opened', sockets: opened.map((_, index) => first + index) })
  }

  async #observe(socket: number): Promise<void> {
    let as: Endpoint | undefined
    try {
      as = await this.#context.observe(this.#socket(socket))
    } catch {
      // as if nobody had answered
    }
    this.#feed({ type: 'observed', socket, as })
  }

  #socket(index: number): SocketId {
    const socket = this.#sockets[index]
    if (socket == null) throw new RangeError(`there is no socket ${index} of ${this.#sockets.length}, ${MAIN} included`)
    return socket
  }

  #abort(): void {
    this.#end({ outcome: 'failed', reason: 'aborted', detail: this.#machine.effort })
  }

  #end(result: AttemptResult): void {
    if (this.#over) return
    this.#over = true
    this.#release()
    this.#settle.resolve(result)
  }

  #release(): void {
    this.#timer?.cancel()
    this.#context.signal.removeEventListener('abort', this.#onAbort)
  }
}

function read(bytes: Uint8Array): ProbingMessage | undefined {
  try {
    return probingMessageCodec.decode(bytes)
  } catch {
    return undefined
  }
}
