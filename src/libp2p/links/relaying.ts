import { sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { attachRelay, type ConnectToRelay } from './attach.ts'
import type { LinksContext } from './context.ts'
import type { LinkSession } from './session.ts'

/** The dialler is the first to look for another relay: it knows where the other side was. */
const CONTROLLED_WAIT_MS = 1_000

/** Takes one link to a further relay whenever it asks for one: once at a time, and anew when a hub has come back meanwhile. */
export class Relaying {
  readonly #context: LinksContext
  readonly #session: LinkSession
  readonly #connectTo: ConnectToRelay
  readonly #signal: AbortSignal
  #attempt: AbortController | undefined
  /** The agent has asked for one, and no attempt has brought it yet. */
  #wanted = false

  constructor(context: LinksContext, session: LinkSession, connectTo: ConnectToRelay, signal: AbortSignal) {
    this.#context = context
    this.#session = session
    this.#connectTo = connectTo
    this.#signal = signal
    const off = [
      session.events.on('want-relay', () => {
        this.#wanted = true
        void this.#look(session.role === 'controlled' ? CONTROLLED_WAIT_MS : 0)
      }),
      session.events.on('close', () => {
        this.#attempt?.abort(new NatError('LINK_CLOSED', 'the link is over'))
        for (const each of off) each()
      })
    ]
  }

  /**
   * There is a new connection to a hub: an attempt by the old one would only wait for somebody who does not hear, and where the last one has failed the
   * agent asks again only seconds later.
   */
  hubBack(): void {
    if (!this.#wanted) return
    this.#attempt?.abort(new NatError('LINK_CLOSED', 'there is a new connection to the hub'))
    this.#attempt = undefined
    void this.#look(0)
  }

  async #look(afterMs: number): Promise<void> {
    if (this.#attempt != null || this.#session.over) return
    const attempt = new AbortController()
    this.#attempt = attempt
    const signal = AbortSignal.any([this.#signal, attempt.signal])
    try {
      await sleep(this.#context.clock, afterMs, signal)
      await attachRelay(this.#context, this.#session, this.#connectTo, signal)
      this.#wanted = false
    } catch (error) {
      this.#context.log('no further relay for the link with %p - %e', this.#session.peer, error)
    } finally {
      if (this.#attempt === attempt) this.#attempt = undefined
    }
  }
}
