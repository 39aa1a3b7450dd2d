import type { Endpoint } from '../../core/machine.ts'
import { MAX_TARGETS, type Opened, type ProbingMessage } from '../../wire/technique-messages.ts'
import { Bracket } from './bracket.ts'
import { type Announced, mayProbe, publicEndpoints } from './networks.ts'
import { type Pace, Pacer, wakeAt } from './pacer.ts'
import {
  givenUp,
  giveUp,
  MAIN,
  PROBING,
  type ProbingInput,
  type ProbingMachine,
  type ProbingStep,
  type SocketIndex
} from './probing.ts'

export interface SearchInit {
  readonly announced: () => Announced
  /** How our own ports come about. */
  readonly ours: 'fixed' | 'per-host'
  /** Of our own NAT, where it is sequential. */
  readonly step: number | null
  readonly rounds: number
  /** In each round. */
  readonly probes: number
  readonly pace: Pace
  /** A round that has been held back for so long is over. */
  readonly searchMs: number
  /** Which of their ports are tried, in that order. */
  readonly portsOf: (opened: Opened) => Iterable<number>
}

/** Several addresses where there are several ways out; the other side spends a mapping on each. */
const MAX_OWN = 2

type Phase = 'targets' | 'waiting' | 'searching' | 'lingering'

/**
 * The side whose public endpoint the other one can know. It says where that is, waits until the other side's packets have left to there, and then looks for
 * the port that they came from: what it sends to that one is let in, as an answer.
 */
export class Searching implements ProbingMachine {
  readonly #init: SearchInit
  #phase: Phase = 'targets'
  #round = 1
  #bracket: Bracket | undefined
  #from: SocketIndex = MAIN
  #pacer: Pacer | undefined
  #sent = 0
  #untilMs = 0
  /** Of the round's probes: what is held back does not go on for ever. */
  #sendUntilMs = 0

  constructor(init: SearchInit) {
    this.#init = init
  }

  get effort(): string {
    const probes = this.#sent + (this.#pacer?.sent ?? 0)
    return `${probes} probes to the other side's ports${this.#round > 1 ? ` in ${this.#round} rounds` : ''}`
  }

  step(nowMs: number, input: ProbingInput): ProbingStep {
    switch (input.type) {
      case 'start':
        return this.#begin(nowMs)
      case 'opened':
      case 'observed':
        return this.#prepare(nowMs, input)
      case 'heard':
        return this.#hear(nowMs, input.message)
      case 'held':
        this.#pacer?.putBack(nowMs, input.probes)
        return this.#wait()
      case 'tick':
        return this.#tick(nowMs)
      default:
        return input satisfies never
    }
  }

  #begin(nowMs: number): ProbingStep {
    const { ours, announced } = this.#init
    this.#phase = 'targets'
    this.#untilMs = nowMs + PROBING.silentMs
    const { mine, theirs } = announced()
    if (ours === 'fixed') return this.#tell(nowMs, publicEndpoints(mine).slice(0, MAX_OWN))
    // any port of theirs will do, as the mapping is for their address
    const [them] = publicEndpoints(theirs).filter(each => mayProbe(each, announced()))
    if (them == null) return giveUp('no-peer-address', 'the other side has announced no public address')
    this.#bracket = new Bracket([them])
    return { actions: this.#bracket.start(), wakeAtMs: this.#untilMs }
  }

  #prepare(nowMs: number, input: Extract<ProbingInput, { type: 'opened' | 'observed' }>): ProbingStep {
    const bracket = this.#bracket
    if (bracket == null || this.#phase !== 'targets') return this.#wait()
    if (input.type === 'opened') {
      const actions = bracket.opened(input)
      if (actions == null) return giveUp('limit', 'no sockets may be opened')
      this.#from = bracket.from
      return { actions, wakeAtMs: this.#untilMs }
    }
    bracket.observed(input)
    return bracket.isDone ? this.#tell(nowMs, bracket.endpoints(this.#init.step ?? 1, MAX_TARGETS)) : this.#wait()
  }

  #tell(nowMs: number, endpoints: readonly Endpoint[]): ProbingStep {
    if (endpoints.length === 0) return giveUp('no-own-address', 'nobody could tell where others see us')
    this.#phase = 'waiting'
    this.#untilMs = nowMs + PROBING.silentMs
    return {
      actions: [{ type: 'say', message: { type: 'TARGETS', round: this.#round, endpoints } }],
      wakeAtMs: this.#untilMs
    }
  }

  #hear(nowMs: number, message: ProbingMessage): ProbingStep {
    if (message.type === 'DONE') return givenUp(message.reason, this.effort)
    if (message.type !== 'OPENED' || message.round !== this.#round || this.#phase !== 'waiting') return this.#wait()
    const { announced, probes, pace, portsOf } = this.#init
    const { address } = message
    const from = this.#from
    const list = function* () {
      let left = probes
      for (const port of portsOf(message)) {
        const to = { address, port }
        if (!mayProbe(to, announced())) continue
        if (left-- === 0) return
        yield { from, to }
      }
    }
    const pacer = new Pacer(list(), pace, nowMs)
    if (pacer.wakeAtMs == null)
      return giveUp('no-peer-address', `the other side has not announced ${address} as its own`)
    this.#pacer = pacer
    this.#sendUntilMs = nowMs + this.#init.searchMs
    return this.#search(nowMs, pacer)
  }

  #search(nowMs: number, pacer: Pacer): ProbingStep {
    if (nowMs >= this.#sendUntilMs) return giveUp(pacer.isHeld ? 'limit' : 'no-answer', this.effort)
    this.#phase = 'searching'
    this.#untilMs = this.#sendUntilMs
    const actions = pacer.take(nowMs)
    if (pacer.wakeAtMs == null) {
      this.#phase = 'lingering'
      this.#untilMs = nowMs + (this.#isLast ? PROBING.lingerMs : PROBING.betweenMs)
    }
    return { ...this.#wait(), actions }
  }

  #tick(nowMs: number): ProbingStep {
    switch (this.#phase) {
      case 'targets':
        return nowMs < this.#untilMs ? this.#wait() : this.#tell(nowMs, [])
      case 'waiting': {
        if (nowMs < this.#untilMs) return this.#wait()
        return giveUp('silent', 'the other side has opened nothing')
      }
      case 'searching':
        return this.#search(nowMs, this.#pacer!)
      case 'lingering': {
        // the last ones may have been held back
        if (this.#pacer?.wakeAtMs != null) return this.#search(nowMs, this.#pacer)
        if (nowMs < this.#untilMs) return this.#wait()
        if (this.#isLast) return giveUp('no-answer', this.effort)
        this.#sent += this.#pacer?.sent ?? 0
        this.#pacer = undefined
        this.#round++
        return this.#begin(nowMs)
      }
      default:
        return this.#phase satisfies never
    }
  }

  get #isLast(): boolean {
    return this.#round >= this.#init.rounds
  }

  #wait(): ProbingStep {
    return { wakeAtMs: wakeAt(this.#pacer, this.#untilMs) }
  }
}
