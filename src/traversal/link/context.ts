import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import type { SocketId } from '../../socket/path.ts'
import { MAX_TECHNIQUE_BYTES } from '../../wire/plan.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, TechniqueName } from '../attempt.ts'
import type { KnownPath } from '../paths/api.ts'
import type { AttemptResult, LinkAttempt } from '../technique.ts'
import type { TraversalInit } from './ground.ts'
import type { AttemptSockets } from './sockets.ts'

/** Messages of the other side that wait to be heard; more are dropped, as whoever sends so many does not wait for answers. */
const MAX_UNHEARD = 64

/** What an attempt says. The path stream, which the agents need, carries ten messages a second (path-stream.ts). */
const SAY = { burst: 32, refillMs: 250, maxKeys: 1 } as const

export interface ContextInit {
  readonly traversal: TraversalInit
  readonly technique: TechniqueName
  /** Of the plan that the attempt is a step of. */
  readonly round: number
  readonly mine: NetworkSummary | undefined
  readonly theirs: NetworkSummary | undefined
  readonly signal: AbortSignal
  readonly sockets: AttemptSockets
}

/** What one attempt on a link works with. When it is released, nothing that the technique still calls has an effect. */
export class LinkContext implements LinkAttempt {
  readonly on = 'link'
  readonly peer: string
  readonly role: 'controlling' | 'controlled'
  readonly mine: NetworkSummary | undefined
  readonly theirs: NetworkSummary | undefined
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly found: Promise<KnownPath>
  readonly round: number
  readonly #init: ContextInit
  readonly #attempted = Promise.withResolvers<AttemptResult>()
  readonly #found = Promise.withResolvers<KnownPath>()
  readonly #unheard: Uint8Array[] = []
  readonly #sayable = new Allowance(SAY)
  /** Who waits for the next message, in the order in which they came. */
  readonly #waiting: ((bytes: Uint8Array) => void)[] = []
  #checks: TechniqueName
  #probing = false
  #over = false

  constructor(init: ContextInit) {
    const { traversal, mine, theirs, signal, round, technique } = init
    this.#init = init
    this.#checks = technique
    this.peer = traversal.peer
    this.role = traversal.role
    this.clock = traversal.clock
    this.random = traversal.random
    this.mine = mine
    this.theirs = theirs
    this.signal = signal
    this.round = round
    this.found = this.#found.promise
  }

  candidates() {
    return this.#init.traversal.candidates()
  }

  checkPairs(): Promise<AttemptResult> {
    return this.#check(this.#init.technique)
  }

  punchTcp(): Promise<AttemptResult> {
    return this.#check('punch-tcp')
  }

  mainSocket(family: 4 | 6): SocketId | undefined {
    return this.#init.traversal.ground.mainSocket(family)
  }

  async openSockets(count: number, family: 4 | 6): Promise<readonly SocketId[]> {
    if (!this.#takeTurn()) throw new NatError('LIMIT', 'other attempts that probe are under way: try again later')
    const sockets = await this.#init.sockets.open(count, family)
    this.signal.throwIfAborted()
    return sockets
  }

  probe(from: SocketId, to: Endpoint): boolean {
    const { traversal, technique } = this.#init
    if (!this.#takeTurn() || !traversal.budget.takeProbe(to.address, this.clock.now())) return false
    traversal.feed({ type: 'probe', technique, socket: from, to })
    return true
  }

  async observe(socket: SocketId): Promise<Endpoint | undefined> {
    return this.#over ? undefined : await this.#init.traversal.ground.observe(socket, this.signal)
  }

  addTarget(to: Endpoint): void {
    if (!this.#over) this.#init.traversal.feed({ type: 'target', technique: this.#init.technique, to })
  }

  say(bytes: Uint8Array): void {
    if (this.#over) return
    if (bytes.length === 0 || bytes.length > MAX_TECHNIQUE_BYTES) {
      throw new RangeError(`a message has 1 to ${MAX_TECHNIQUE_BYTES} bytes, not ${bytes.length}`)
    }
    if (!this.#sayable.take('', this.clock.now())) {
      throw new NatError('LIMIT', 'an attempt may say four things a second: say more at once, or less')
    }
    this.#init.traversal.send({ type: 'TECHNIQUE', technique: this.#init.technique, round: this.round, bytes })
  }

  async hear(): Promise<Uint8Array> {
    this.signal.throwIfAborted()
    const next = this.#unheard.shift()
    if (next != null) return next
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const onAbort = () => reject(this.signal.reason)
    this.signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.push(resolve)
    try {
      return await promise
    } finally {
      this.signal.removeEventListener('abort', onAbort)
    }
  }

  /** The other side's attempt has said something: one of those who wait hears it. */
  heard(bytes: Uint8Array): void {
    const first = this.#waiting.shift()
    if (first != null) first(bytes)
    else if (this.#unheard.length < MAX_UNHEARD) this.#unheard.push(bytes)
  }

  /** The agent tells what came of its checks. @returns whether it was this attempt's */
  attempted({ technique, outcome, reason, detail }: Attempt): boolean {
    if (technique !== this.#checks) return false
    this.#attempted.resolve({ outcome, reason, ...(detail == null ? {} : { detail }) })
    return true
  }

  /** A path of this attempt's has been validated. */
  hasFound(path: KnownPath): void {
    this.#found.resolve(path)
  }

  release(): void {
    if (this.#over) return
    this.#over = true
    if (this.#probing) this.#init.traversal.budget.giveAttempt(this.peer)
  }

  #check(technique: TechniqueName): Promise<AttemptResult> {
    this.#checks = technique
    if (!this.#over) this.#init.traversal.feed({ type: 'check', technique, on: true })
    return this.#attempted.promise
  }

  /** Attempts that probe are few at once. */
  #takeTurn(): boolean {
    if (this.#over) return false
    this.#probing ||= this.#init.traversal.budget.takeAttempt(this.peer)
    return this.#probing
  }
}
