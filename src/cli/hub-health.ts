import { type Clock, sleep } from '../core/clock.ts'
import type { Hub } from '../hub/hub.ts'
import { complain, type Output } from './output.ts'

/** Longer outages are what somebody has to be told of; a store has 5 s for an answer. */
const LOOK_MS = 5_000

/** Tells the operator when the store of records does not answer any more, and when it does again. @returns when the signal ends it */
export async function watchStore(
  out: Output,
  hub: Pick<Hub, 'healthy'>,
  clock: Clock,
  signal: AbortSignal
): Promise<void> {
  let wasGood = true
  while (!signal.aborted) {
    const isGood = await hub.healthy()
    if (signal.aborted) return
    if (isGood !== wasGood) {
      wasGood = isGood
      const text = isGood
        ? 'the store of records answers again: peers register again by themselves'
        : 'the store of records does not answer: who is connected notices nothing, but nobody can register or be looked up'
      if (!isGood) complain(text)
      out.event({ event: 'store', ok: isGood }, isGood ? out.colors.dim(text) : undefined)
    }
    await sleep(clock, LOOK_MS, signal).catch(() => {})
  }
}
