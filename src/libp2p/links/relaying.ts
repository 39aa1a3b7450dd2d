import { sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { type Attached, attachRelay, type ConnectToRelay } from './attach.ts'
import type { LinksContext } from './context.ts'
import type { LinkSession } from './session.ts'

/** The dialler is the first to look for another relay: it knows where the other side was. */
const CONTROLLED_WAIT_MS = 1_000

/**
 * Only a relay says that the other side knows the link no longer, and another relay may still bring the two together: so it is believed of a link that is cut
 * off, said so often, and for so long. A peer that was restarted is not waited for until the link is over by itself.
 */
const FORGOTTEN = { times: 3, forMs: 5_000 } as const

/** Takes one link to a further relay whenever it asks for one: once at a time, and anew when a hub has come back meanwhile. */
export class Relaying {
  readonly #context: LinksContext
  readonly #session: LinkSession
  readonly #connectTo: ConnectToRelay
  readonly #signal: AbortSignal
  #attempt: AbortController | undefined
  /** The agent has asked for one, and no attempt has brought it yet. */
  #wanted = false
  /** How often the other side knew nothing of the link, one time after the other, and since when. */
  #forgotten = { times: 0, sinceMs: 0 }

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
      const outcome = await attachRelay(this.#context, this.#session, this.#connectTo, signal)
      this.#wanted = outcome === 'forgotten'
      this.#count(outcome)
    } catch (error) {
      this.#context.log('no further relay for the link with %p - %e', this.#session.peer, error)
    } finally {
      if (this.#attempt === attempt) this.#attempt = undefined
    }
  }

  #count(outcome: Attached): void {
    const session = this.#session
    const nowMs = this.#context.clock.now()
    const { times, sinceMs } = this.#forgotten
    if (outcome !== 'forgotten' || !session.isCutOff) this.#forgotten = { times: 0, sinceMs: 0 }
    else this.#forgotten = { times: times + 1, sinceMs: times === 0 ? nowMs : sinceMs }
    if (this.#forgotten.times < FORGOTTEN.times || nowMs - this.#forgotten.sinceMs < FORGOTTEN.forMs) return
    session.end('the other side knows this link no longer: it was restarted, or has given it up')
  }
}
