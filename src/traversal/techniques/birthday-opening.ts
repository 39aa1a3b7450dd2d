import type { Endpoint } from '../../core/machine.ts'
import type { ProbingMessage } from '../../wire/technique-messages.ts'
import { type Announced, mayProbe, publicEndpoints } from './networks.ts'
import { type Pace, Pacer, wakeAt } from './pacer.ts'
import {
  givenUp,
  giveUp,
  PROBING,
  type ProbingAction,
  type ProbingInput,
  type ProbingMachine,
  type ProbingStep,
  type SocketIndex
} from './probing.ts'

export const OPENING = {
  /** Of 64,512 ports: 174 probes of the other side meet one of them with 50 %, and 2,048 with 99.97 %. */
  sockets: 256,
  /** Opened at once: a system takes some 3 ms for them. */
  batch: 32,
  /** Of each is asked as whom a hub sees it: where the NAT takes its ports from. */
  samples: 8,
  /** To all of the other side's endpoints together. */
  packets: 2_048,
  /** 256 mappings in 160 ms. Routers of homes hold a few thousand, and make some thousand a second. */
  pace: { batch: 16, everyMs: 10 } satisfies Pace,
  /** The hubs were asked before the first packet left; later answers are not waited for. */
  samplesMs: 1_000,
  /** The other side searches for 2 s where nothing is held back, and lingers. */
  searchMs: 10_000
} as const

/**
 * The side whose NAT gives each mapping a port that nobody can foresee: it makes so many mappings towards the other side that one of them is found soon.
 */
export class BirthdayOpening implements ProbingMachine {
  readonly #announced: () => Announced
  #sockets: readonly SocketIndex[] = []
  readonly #asked = new Set<SocketIndex>()
  readonly #seen: Endpoint[] = []
  #isOpen = false
  #round = 1
  #targets: readonly Endpoint[] = []
  #pacer: Pacer | undefined
  #isTold = false
  #untilMs = 0
  #samplesUntilMs = 0

  constructor(announced: () => Announced) {
    this.#announced = announced
  }

  get effort(): string {
    return `${this.#pacer?.sent ?? 0} packets from ${this.#sockets.length} sockets`
  }

  step(nowMs: number, input: ProbingInput): ProbingStep {
    switch (input.type) {
      case 'start':
        this.#untilMs = nowMs + PROBING.silentMs
        return { actions: [{ type: 'open', count: OPENING.batch }], wakeAtMs: this.#untilMs }
      case 'opened':
        return this.#opened(nowMs, input.sockets)
      case 'observed':
        this.#asked.delete(input.socket)
        if (input.as != null) this.#seen.push(input.as)
        return this.#tick(nowMs)
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

  #opened(nowMs: number, sockets: readonly SocketIndex[]): ProbingStep {
    const asked = this.#sockets.length === 0 ? sockets.slice(0, OPENING.samples) : []
    this.#sockets = [...this.#sockets, ...sockets]
    for (const socket of asked) this.#asked.add(socket)
    const actions: ProbingAction[] = asked.map(socket => ({ type: 'observe', socket }))
    if (this.#sockets.length < OPENING.sockets && sockets.length === OPENING.batch) {
      return { actions: [...actions, { type: 'open', count: OPENING.batch }], wakeAtMs: this.#untilMs }
    }
    if (this.#sockets.length === 0) return giveUp('limit', 'no sockets may be opened')
    this.#isOpen = true
    const next = this.#tick(nowMs)
    return { ...next, actions: [...actions, ...(next.actions ?? [])] }
  }

  #hear(nowMs: number, message: ProbingMessage): ProbingStep {
    if (message.type === 'DONE') return givenUp(message.reason, this.effort)
    if (message.type !== 'TARGETS' || this.#targets.length > 0) return this.#wait()
    this.#round = message.round
    this.#targets = message.endpoints.filter(each => mayProbe(each, this.#announced()))
    if (this.#targets.length === 0)
      return giveUp('no-peer-address', 'the other side has named none of its own addresses')
    return this.#tick(nowMs)
  }

  #tick(nowMs: number): ProbingStep {
    if (this.#isTold) return nowMs < this.#untilMs ? this.#wait() : giveUp('silent', this.effort)
    if (this.#pacer == null) {
      if (nowMs >= this.#untilMs) {
        if (this.#targets.length === 0) return giveUp('silent', 'the other side has not said where it is')
        return giveUp('limit', 'sockets were not opened in time')
      }
      if (!this.#isOpen || this.#targets.length === 0) return this.#wait()
      this.#pacer = new Pacer(this.#probes(), OPENING.pace, nowMs)
      this.#untilMs = nowMs + PROBING.sendMs
      this.#samplesUntilMs = nowMs + OPENING.samplesMs
    }
    if (nowMs >= this.#untilMs) return giveUp('limit', this.effort)
    const actions = this.#pacer.take(nowMs)
    if (this.#pacer.wakeAtMs != null) return { ...this.#wait(), actions }
    return this.#tell(nowMs, actions)
  }

  /** All packets have left, so all mappings are there that will be. */
  #tell(nowMs: number, actions: readonly ProbingAction[]): ProbingStep {
    // the last of them may yet come back as held
    if (actions.length > 0) return { actions, wakeAtMs: nowMs }
    if (this.#asked.size > 0 && nowMs < this.#samplesUntilMs) return { wakeAtMs: this.#samplesUntilMs }
    const address = mostSeen(this.#seen) ?? publicEndpoints(this.#announced().mine)[0]?.address
    if (address == null) return giveUp('no-own-address', 'nobody could tell where others see us')
    const ports = this.#seen.filter(each => each.address === address).map(each => each.port)
    this.#isTold = true
    this.#untilMs = nowMs + OPENING.searchMs
    return {
      actions: [{ type: 'say', message: { type: 'OPENED', round: this.#round, address, ports } }],
      wakeAtMs: this.#untilMs
    }
  }

  *#probes() {
    const count = Math.min(this.#sockets.length, Math.floor(OPENING.packets / this.#targets.length))
    for (const from of this.#sockets.slice(0, count)) for (const to of this.#targets) yield { from, to }
  }

  #wait(): ProbingStep {
    return { wakeAtMs: wakeAt(this.#pacer, this.#untilMs) }
  }
}

/** Large NATs have several addresses; a host mostly keeps to one (RFC 4787 REQ-2). */
function mostSeen(seen: readonly Endpoint[]): string | undefined {
  const groups = [...Map.groupBy(seen, ({ address }) => address)]
  return groups.reduce<[string, Endpoint[]] | undefined>((one, other) => {
    return one == null || other[1].length > one[1].length ? other : one
  }, undefined)?.[0]
}
