import type { Path } from '../../socket/path.ts'
import type { PathMessage } from '../../wire/path.ts'
import type { AgentEvent, AgentStep } from './api.ts'

/** What goes out of one step of the agent, gathered from its parts. */
export class Outbox {
  #send: { readonly path: Path; readonly bytes: Uint8Array }[] = []
  #messages: PathMessage[] = []
  #events: AgentEvent[] = []

  send(path: Path, bytes: Uint8Array): void {
    this.#send.push({ path, bytes })
  }

  message(message: PathMessage): void {
    this.#messages.push(message)
  }

  emit(event: AgentEvent): void {
    this.#events.push(event)
  }

  /** Hands everything over, and is empty again. */
  flush(wakeAtMs: number, done: boolean): AgentStep {
    const step: AgentStep = {
      send: this.#send,
      messages: this.#messages,
      events: this.#events,
      ...(done ? { done } : Number.isFinite(wakeAtMs) ? { wakeAtMs } : {})
    }
    this.#send = []
    this.#messages = []
    this.#events = []
    return step
  }
}
