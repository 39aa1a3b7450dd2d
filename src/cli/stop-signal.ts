/** Aborts when the person or the system asks the program to end. A second time ends it at once. */
export function stopSignal(signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']): AbortSignal {
  const controller = new AbortController()
  for (const signal of signals) {
    process.once(signal, () => controller.abort(new Stopped(`stopped by ${signal}`)))
  }
  return controller.signal
}

/** Why a command ended early: it was asked to. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
