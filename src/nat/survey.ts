import { type Clock, sleep } from '../core/clock.ts'
import type { DatagramNet, Endpoint } from '../core/machine.ts'
import type { RetransmissionSchedule } from '../core/stun-transaction.ts'
import { type Answer, type Asked, type Asker, ask } from './ask.ts'
import type { Binding } from './mapping.ts'

/** What many servers say of one socket, in the order in which they were asked. */
export class Survey {
  readonly #asker: Asker
  readonly #net: DatagramNet
  readonly #signal: AbortSignal
  readonly #asked: { readonly to: Endpoint; result: Asked | undefined }[] = []

  constructor(asker: Asker, net: DatagramNet, signal: AbortSignal) {
    this.#asker = asker
    this.#net = net
    this.#signal = signal
  }

  /** Resolves when all of them have answered, or have been silent to the end. */
  async ask(targets: readonly Endpoint[], schedule: RetransmissionSchedule): Promise<void> {
    await Promise.all(
      targets.map(async to => {
        const entry: { to: Endpoint; result: Asked | undefined } = { to, result: undefined }
        this.#asked.push(entry)
        entry.result = await ask(this.#asker, this.#net, { to, schedule }, this.#signal)
        if (entry.result.type === 'answered') this.#answered.resolve()
      })
    )
  }

  readonly #answered = Promise.withResolvers<void>()

  /**
   * The same, but after the first answer the others have only as long again as that took, and a little: a server that is down must not
   * hold up what the others can tell. Those that answer later still count.
   */
  async askPromptly(targets: readonly Endpoint[], schedule: RetransmissionSchedule): Promise<void> {
    const { clock } = this.#asker
    const startMs = clock.now()
    const all = this.ask(targets, schedule)
    const enough = new AbortController()
    const grace = this.#answered.promise.then(() =>
      sleepQuietly(clock, GRACE_MS + clock.now() - startMs, enough.signal)
    )
    await Promise.race([all, grace])
    enough.abort()
  }

  get targets(): Endpoint[] {
    return this.#asked.map(({ to }) => to)
  }

  get answers(): Answer[] {
    return this.#asked.flatMap(({ result }) => (result?.type === 'answered' ? [result] : []))
  }

  get bindings(): Binding[] {
    return this.answers.map(answer => ({ server: answer.server, public: answer.public }))
  }
}

/** Two servers that are equally far away answer within that of each other. */
const GRACE_MS = 25

function sleepQuietly(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return sleep(clock, ms, signal).catch(() => {})
}
