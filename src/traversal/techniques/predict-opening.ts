import type { Endpoint } from '../../core/machine.ts'
import type { ProbingMessage, Targets } from '../../wire/technique-messages.ts'
import { Bracket } from './bracket.ts'
import { type Announced, mayProbe } from './networks.ts'
import {
  givenUp,
  giveUp,
  PROBING,
  type ProbingAction,
  type ProbingInput,
  type ProbingMachine,
  type ProbingStep
} from './probing.ts'

/** A packet that is lost on the way to our NAT makes no mapping. */
const AGAIN_MS = [50, 150]

/** The side with a sequential NAT: it opens a mapping towards the other side, and tells between which ports that lies. */
export class PredictOpening implements ProbingMachine {
  readonly #announced: () => Announced
  /** Of our NAT. */
  readonly #step: number | null
  readonly #rounds: number
  #round = 0
  #bracket: Bracket | undefined
  #isTold = false
  #againAtMs: number[] = []
  #untilMs = 0

  constructor({ announced, step, rounds }: { announced: () => Announced; step: number | null; rounds: number }) {
    this.#announced = announced
    this.#step = step
    this.#rounds = rounds
  }

  get effort(): string {
    const { ends } = this.#bracket ?? {}
    return `${this.#round} mappings opened${ends == null ? '' : `, the last between ports ${ends.first} and ${ends.last}`}`
  }

  step(nowMs: number, input: ProbingInput): ProbingStep {
    switch (input.type) {
      case 'start':
        this.#untilMs = nowMs + PROBING.silentMs
        return this.#wait()
      case 'heard':
        return this.#hear(nowMs, input.message)
      case 'opened': {
        const actions = this.#bracket?.opened(input)
        if (actions == null) return giveUp('limit', 'no sockets may be opened')
        this.#againAtMs = AGAIN_MS.map(ms => nowMs + ms)
        return this.#wait(actions)
      }
      case 'observed': {
        this.#bracket?.observed(input)
        return this.#bracket?.isDone === true && !this.#isTold ? this.#tell(nowMs) : this.#wait()
      }
      case 'held':
        this.#againAtMs = [nowMs + PROBING.heldMs]
        return this.#wait()
      case 'tick':
        return this.#tick(nowMs)
      default:
        return input satisfies never
    }
  }

  #hear(nowMs: number, message: ProbingMessage): ProbingStep {
    if (message.type === 'DONE') return givenUp(message.reason, this.effort)
    if (message.type !== 'TARGETS' || message.round <= this.#round || message.round > this.#rounds) return this.#wait()
    return this.#open(nowMs, message)
  }

  #open(nowMs: number, { round, endpoints }: Targets): ProbingStep {
    const targets: readonly Endpoint[] = endpoints.filter(each => mayProbe(each, this.#announced()))
    if (targets.length === 0) return giveUp('no-peer-address', 'the other side has named none of its own addresses')
    this.#round = round
    this.#bracket = new Bracket(targets)
    this.#isTold = false
    this.#againAtMs = []
    this.#untilMs = nowMs + PROBING.silentMs
    return this.#wait(this.#bracket.start())
  }

  #tell(nowMs: number): ProbingStep {
    const { ends } = this.#bracket!
    if (ends == null) return giveUp('no-own-address', 'nobody could tell where others see us')
    this.#isTold = true
    this.#untilMs = nowMs + PROBING.silentMs
    const { address, first, last } = ends
    const step = this.#step ?? 0
    const opened = { type: 'OPENED', round: this.#round, address, ports: [first, last] } as const
    return this.#wait([{ type: 'say', message: step === 0 ? opened : { ...opened, step } }])
  }

  #tick(nowMs: number): ProbingStep {
    const [againMs] = this.#againAtMs
    if (againMs != null && nowMs >= againMs) {
      this.#againAtMs.shift()
      return this.#wait(this.#bracket?.again())
    }
    if (nowMs < this.#untilMs) return this.#wait()
    if (this.#bracket != null && !this.#isTold) return giveUp('no-own-address', 'no hub tells where it sees us')
    return giveUp('silent', this.#bracket == null ? 'the other side has not said where it is' : this.effort)
  }

  #wait(actions: readonly ProbingAction[] = []): ProbingStep {
    return { actions, wakeAtMs: Math.min(this.#untilMs, ...this.#againAtMs) }
  }
}
