import type { Clock, Timer } from '../../core/clock.ts'
import type { Path } from '../../socket/path.ts'
import type { PathAgent } from '../../traversal/paths/agent.ts'
import type { AgentEvent, AgentInput } from '../../traversal/paths/api.ts'
import type { PathMessage } from '../../wire/path.ts'

/** Where what the agent wants goes. */
export interface AgentOutlets {
  send(path: Path, bytes: Uint8Array): void
  message(message: PathMessage): void
  event(event: AgentEvent): void
}

/** Joins a path agent to a clock and to what carries out its decisions. */
export class AgentDriver {
  readonly #agent: PathAgent
  readonly #clock: Clock
  readonly #outlets: AgentOutlets
  #timer: Timer | undefined
  readonly #waiting: AgentInput[] = []
  #busy = false
  #over = false

  constructor(agent: PathAgent, clock: Clock, outlets: AgentOutlets) {
    this.#agent = agent
    this.#clock = clock
    this.#outlets = outlets
  }

  /** What an outlet does may lead to the next input, which waits until all that came of this one has been carried out, in order. */
  feed(input: AgentInput): void {
    if (this.#over) return
    if (input.type === 'cancel') {
      this.#over = true
      this.#timer?.cancel()
      this.#agent.step(this.#clock.now(), input)
      return
    }
    this.#waiting.push(input)
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#waiting.shift(); next != null && !this.#over; next = this.#waiting.shift()) this.#step(next)
    } finally {
      this.#busy = false
    }
  }

  #step(input: AgentInput): void {
    this.#timer?.cancel()
    const nowMs = this.#clock.now()
    const { send = [], messages = [], events = [], wakeAtMs } = this.#agent.step(nowMs, input)
    if (wakeAtMs != null) {
      this.#timer = this.#clock.after(Math.max(0, wakeAtMs - nowMs), () => this.feed({ type: 'tick' }))
    }
    for (const { path, bytes } of send) this.#outlets.send(path, bytes)
    for (const message of messages) this.#outlets.message(message)
    for (const event of events) this.#outlets.event(event)
  }
}
