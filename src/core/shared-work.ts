import { NatError } from './errors.ts'

/** Work that several wait for: it is done once, and given up when nobody waits for it any more. */
export class SharedWork<T> {
  readonly #ending = new AbortController()
  readonly #result: Promise<T>
  #waiting = 0

  constructor(begin: (signal: AbortSignal) => Promise<T>) {
    this.#result = begin(this.#ending.signal)
    this.#result.catch(() => {})
  }

  /** What it was given up for: whoever comes now comes too late. */
  get givenUp(): unknown {
    return this.#ending.signal.reason
  }

  /** It has come to its end, whatever that is. */
  get over(): Promise<void> {
    return this.#result.then(
      () => {},
      () => {}
    )
  }

  /** Waits for it. @throws what it fails with; the signal's reason, which ends it for nobody else */
  async join(signal: AbortSignal): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting++
    try {
      // within, so that work which has just been begun is given up again
      signal.throwIfAborted()
      return await Promise.race([this.#result, promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (--this.#waiting === 0) this.giveUp(new NatError('LINK_CLOSED', 'nobody waits for it any more'))
    }
  }

  giveUp(reason: unknown): void {
    this.#ending.abort(reason)
  }
}
