import type { Clock, Timer } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { NatError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { Lease, type LeaseEvent, type LeaseInput } from './lease.ts'
import type { Grant, Outcome, Wanted } from './mapping.ts'

/** How long leaving may take: a router that is there answers in a fraction. */
const UNMAP_MS = 2_000

export interface KeepInit {
  readonly wanted: Wanted
  readonly clock: Clock
  readonly random: Random
  map(externalPort: number, held: Grant | undefined, signal: AbortSignal): Promise<Outcome>
  unmap(held: Grant | undefined, signal: AbortSignal): Promise<void>
  onEvent(event: LeaseEvent): void
}

export interface Kept {
  /** The router may have forgotten its mappings. */
  again(): void
  /** The router is another one. */
  moved(): void
  /** Deletes the mapping. Resolves when that is done, or has taken too long; safe to call twice. */
  close(): Promise<void>
}

/** Does what a lease says, at the times that it says, until it is closed. */
export function keepLease({ wanted, clock, random, map, unmap, onEvent }: KeepInit): Kept {
  const lease = new Lease(wanted, random)
  const stopped = new AbortController()
  let timer: Timer | undefined
  let closing: Promise<void> | undefined

  const feed = (input: LeaseInput) => {
    const step = lease.step(clock.now(), input)
    // one that has nothing to say keeps its alarm
    if (step.wakeAtMs != null || step.act != null || step.done === true) timer?.cancel()
    if (step.wakeAtMs != null) {
      timer = clock.after(Math.max(0, step.wakeAtMs - clock.now()), () => feed({ type: 'tick' }))
    }
    for (const event of step.events ?? []) onEvent(event)
    if (step.act?.type === 'map') void ask(step.act.externalPort)
  }
  const ask = async (externalPort: number) => {
    try {
      const outcome = await map(externalPort, lease.held, stopped.signal)
      feed({ type: 'outcome', outcome })
    } catch (error) {
      // closed meanwhile
      if (!stopped.signal.aborted) throw error
    }
  }
  const leave = async () => {
    const { held } = lease
    feed({ type: 'cancel' })
    stopped.abort(new NatError('LINK_CLOSED', 'the mapping was closed'))
    try {
      await withDeadline(clock, UNMAP_MS, 'deleting a mapping', undefined, signal => unmap(held, signal))
    } catch (error) {
      // it ends by itself
      if (!(error instanceof NatError)) throw error
    }
  }

  feed({ type: 'start' })
  return {
    again: () => feed({ type: 'again' }),
    moved: () => feed({ type: 'moved' }),
    close: () => {
      closing ??= leave()
      return closing
    }
  }
}
