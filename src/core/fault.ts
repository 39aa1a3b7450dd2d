import { channel } from 'node:diagnostics_channel'

/** The diagnostics channel of faults: tests listen to it, and fail. */
export const FAULTS = 'beeline:fault'

const faults = channel(FAULTS)

/** Tells what only a bug of ours can have brought about, where the program is to live through it. */
export function fault(error: unknown): void {
  faults.publish(error)
}
