import type { Forecast, ProbingMessage } from '../../wire/technique-messages.ts'
import { type Announced, mayProbe } from './networks.ts'
import { type Pace, Pacer, wakeAt } from './pacer.ts'
import { foresee, portAhead, seemsToKeepParity } from './predict-ports.ts'
import {
  givenUp,
  giveUp,
  PROBING,
  type Probe,
  type ProbingAction,
  type ProbingInput,
  type ProbingMachine,
  type ProbingStep,
  type SocketIndex
} from './probing.ts'

export const MEETING = {
  /**
   * Let others behind our NAT take a ports, and those behind theirs b, between the samples and the meeting: the one side is there with its packet
   * number a + 2 b, the other with a + b. So 32 each in the first round, if they take no more while we send; as on a busy NAT they do, the second round is
   * twice as long, and the third three times: 200 mappings a second of others are met.
   */
  single: 96,
  double: 64,
  /** A packet a millisecond, so that the two sides' packets pass each other on the way. */
  pace: { batch: 2, everyMs: 2 } satisfies Pace,
  /** Fresh sockets, of which the third sends: what was sent before has mappings already. */
  sockets: 4,
  sender: 2
} as const

export interface MeetingInit {
  readonly announced: () => Announced
  /** The one side goes through the other's ports one by one, the other takes every second. */
  readonly stride: 1 | 2
  /** Of our NAT. */
  readonly step: number | null
  readonly rounds: number
}

type Phase = 'sampling' | 'waiting' | 'sending' | 'lingering'

/**
 * Both NATs give each of our packets another port, one after the other. Let the one side's packet i leave by port p + (i + a) s, and the other's packet j by
 * q + (j + b) t, where a and b are what others have taken meanwhile. When the one sends packet i to q + i t, and the other its packet j to p + 2 j s, then the
 * ports are each other's at j = a + b and i = j + b. It holds while a and b grow, as long as they grow by less than we send: j − a − b rises by steps of at most one.
 */
export class PredictMeeting implements ProbingMachine {
  readonly #init: MeetingInit
  #phase: Phase = 'sampling'
  #round = 1
  #sockets: readonly SocketIndex[] = []
  #seen = new Map<SocketIndex, { readonly address: string; readonly port: number } | undefined>()
  #parity = false
  #mine: Forecast | undefined
  /** By round. */
  readonly #theirs = new Map<number, Forecast>()
  #pacer: Pacer | undefined
  #sent = 0
  #untilMs = 0
  /** Of the round's probes: what is held back does not go on for ever. */
  #sendUntilMs = 0

  constructor(init: MeetingInit) {
    this.#init = init
  }

  get effort(): string {
    const last = this.#mine == null ? '' : `: our next port was foreseen as ${this.#mine.port}`
    return `${this.#sent + (this.#pacer?.sent ?? 0)} probes, round ${this.#round}${last}`
  }

  step(nowMs: number, input: ProbingInput): ProbingStep {
    switch (input.type) {
      case 'start':
        return this.#sample(nowMs)
      case 'opened':
        if (input.sockets.length < MEETING.sockets) return giveUp('limit', 'no sockets may be opened')
        this.#sockets = input.sockets
        return this.#wait(input.sockets.map(socket => ({ type: 'observe', socket })))
      case 'observed':
        if (this.#phase !== 'sampling' || !this.#sockets.includes(input.socket)) return this.#wait()
        this.#seen.set(input.socket, input.as)
        return this.#seen.size < MEETING.sockets ? this.#wait() : this.#foresee(nowMs)
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

  #sample(nowMs: number): ProbingStep {
    this.#phase = 'sampling'
    this.#sockets = []
    this.#seen = new Map()
    this.#untilMs = nowMs + PROBING.silentMs
    return this.#wait([{ type: 'open', count: MEETING.sockets }])
  }

  #foresee(nowMs: number): ProbingStep {
    const seen = this.#sockets.map(socket => this.#seen.get(socket)).filter(each => each != null)
    const address = seen.at(-1)?.address
    const ports = seen.filter(each => each.address === address).map(({ port }) => port)
    const own = this.#seen.get(this.#sockets[MEETING.sender]!)
    const samples = { ports, own: own?.port, step: this.#init.step }
    if (seemsToKeepParity(samples)) this.#parity = true
    // others' traffic looks alike, so every second round goes without
    const next = foresee(samples, this.#parity && this.#round % 2 === 1)
    if (next == null || address == null) return giveUp('no-own-address', 'no hub tells where it sees us')
    this.#mine = { type: 'FORECAST', round: this.#round, address, ...next }
    this.#phase = 'waiting'
    this.#untilMs = nowMs + PROBING.silentMs
    const told: ProbingAction[] = [{ type: 'say', message: this.#mine }]
    const theirs = this.#theirs.get(this.#round)
    if (theirs == null) return this.#wait(told)
    const met = this.#meet(nowMs, theirs)
    return { ...met, actions: [...told, ...(met.actions ?? [])] }
  }

  #hear(nowMs: number, message: ProbingMessage): ProbingStep {
    if (message.type === 'DONE') return givenUp(message.reason, this.effort)
    if (message.type !== 'FORECAST') return this.#wait()
    const { round } = message
    // what is said of a round first counts, and the other side is one ahead at most
    if (round < this.#round || round > this.#round + 1 || this.#theirs.has(round)) return this.#wait()
    this.#theirs.set(round, message)
    if (this.#phase === 'waiting' && round === this.#round) return this.#meet(nowMs, message)
    return this.#phase === 'lingering' ? this.#tick(nowMs) : this.#wait()
  }

  #meet(nowMs: number, { address, port, step }: Forecast): ProbingStep {
    const { announced, stride } = this.#init
    const from = this.#sockets[MEETING.sender]!
    const probes: Probe[] = []
    for (let n = 0; n < this.#round * (stride === 1 ? MEETING.single : MEETING.double); n++) {
      const to = { address, port: portAhead(port, n * stride * step) }
      if (!mayProbe(to, announced())) {
        return giveUp('no-peer-address', `the other side has not announced ${address} as its own`)
      }
      probes.push({ from, to })
    }
    this.#sent += this.#pacer?.sent ?? 0
    this.#pacer = new Pacer(probes, MEETING.pace, nowMs)
    this.#phase = 'sending'
    this.#untilMs = nowMs + PROBING.silentMs
    this.#sendUntilMs = this.#untilMs
    return this.#tick(nowMs)
  }

  #tick(nowMs: number): ProbingStep {
    const pacer = this.#pacer
    if (pacer?.wakeAtMs != null) {
      if (nowMs >= this.#sendUntilMs) return giveUp('limit', this.effort)
      const actions = pacer.take(nowMs)
      if (pacer.wakeAtMs == null) {
        this.#phase = 'lingering'
        this.#untilMs = nowMs + (this.#isLast ? PROBING.lingerMs : PROBING.betweenMs)
      }
      return this.#wait(actions)
    }
    const isAhead = this.#phase === 'lingering' && !this.#isLast && this.#theirs.has(this.#round + 1)
    if (nowMs < this.#untilMs && !isAhead) return this.#wait()
    switch (this.#phase) {
      case 'sampling':
        return giveUp('no-own-address', 'no hub tells where it sees us')
      case 'waiting':
        return giveUp('silent', 'the other side does not say which ports it will have')
      case 'sending':
      case 'lingering':
        return this.#isLast ? giveUp('no-answer', this.effort) : this.#again(nowMs)
      default:
        return this.#phase satisfies never
    }
  }

  get #isLast(): boolean {
    return this.#round >= this.#init.rounds
  }

  #again(nowMs: number): ProbingStep {
    this.#round++
    return this.#sample(nowMs)
  }

  #wait(actions: readonly ProbingAction[] = []): ProbingStep {
    return { actions, wakeAtMs: wakeAt(this.#pacer, this.#untilMs) }
  }
}
