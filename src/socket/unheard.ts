import type { Flow } from './flow.ts'

export const UNHEARD = {
  /** Nothing has been heard for so long: what is sent now may be lost. Longer than most round trips. */
  silentMs: 250,
  /** An engine that hears nothing sends one or two packets now and then, ever more rarely. */
  keep: 8
} as const

/**
 * What a link's engine has sent into silence. It waits longer and longer before it tries again (RFC 9002 section 6.2.1), up to as long as the
 * silence has lasted; when the link has another path, its last tries go by that at once, and the first answer tells the engine that all is
 * well. A packet that comes twice is dropped by the other side's engine.
 */
export function keepUnheard(flow: Flow<unknown>, bytes: Uint8Array): void {
  if (flow.unheard.afterMs !== flow.lastInMs) flow.unheard = { afterMs: flow.lastInMs, datagrams: [] }
  const { datagrams } = flow.unheard
  datagrams.push(new Uint8Array(bytes))
  if (datagrams.length > UNHEARD.keep) datagrams.shift()
}

/** Whether the flow has been silent for so long that its packets are worth keeping. */
export function isSilent(flow: Flow<unknown>, nowMs: number): boolean {
  return flow.keep && nowMs - flow.lastInMs >= UNHEARD.silentMs
}

/** The last of what was sent since something was heard, oldest first. */
export function takeUnheard(flow: Flow<unknown>): readonly Uint8Array[] {
  const { afterMs, datagrams } = flow.unheard
  flow.unheard = NOTHING
  return afterMs === flow.lastInMs ? datagrams : []
}

export const NOTHING: Flow<unknown>['unheard'] = { afterMs: Number.NaN, datagrams: [] }
