import { Events } from '../../core/events.ts'
import { freePort, type PortSharing, portSharing } from './sharing.ts'

/**
 * The one local port that connections leave from, the same for IPv4 and IPv6, so that what a relay sees of it holds for a
 * later dial to a peer. It changes only when the system refuses it.
 */
export class DialPort {
  readonly events = new Events<{ moved: undefined }>()
  #current: number | undefined
  #choosing: Promise<number | undefined> | undefined
  #sharing: PortSharing | undefined

  /** Undefined before the first dial, and where the system does not let connections share a port. */
  get current(): number | undefined {
    return this.#current
  }

  /** What the trial said; undefined before the first dial. */
  get sharing(): PortSharing | undefined {
    return this.#sharing
  }

  /** @returns the port, or undefined where connections cannot share one */
  take(): Promise<number | undefined> {
    this.#choosing ??= this.#choose()
    return this.#choosing
  }

  /** The system has refused this port: another one is taken from now on, unless that has happened already. */
  refused(port: number): void {
    if (this.#current !== port) return
    this.#current = undefined
    this.#choosing = this.#choose().then(chosen => {
      this.events.emit('moved', undefined)
      return chosen
    })
  }

  async #choose(): Promise<number | undefined> {
    this.#sharing = await portSharing()
    if (!this.#sharing.ok) return undefined
    this.#current = await freePort()
    return this.#current
  }
}
