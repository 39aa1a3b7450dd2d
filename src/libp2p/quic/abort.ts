import type { EngineConnection } from './engine.ts'

/** The engine cannot be told to stop a dial: one that comes up after all is closed at once. */
export async function raceAbort(dial: Promise<EngineConnection>, signal: AbortSignal): Promise<EngineConnection> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => {
    reject(signal.reason)
    dial.then(
      late => late.abort(),
      () => {}
    )
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([dial, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A call, so that the compiler does not take what it saw before an `await` for granted after it. */
export function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
