import { type Clock, realClock } from '../../core/clock.ts'
import type { AccessOptions } from './access.ts'
import { Gate } from './gate.ts'

/** @throws NatError BAD_OPTION */
export function accessOf(options: AccessOptions = {}, clock: Clock = realClock): Gate {
  return new Gate(options, clock)
}

export type { Access, AccessOptions } from './access.ts'
export { Gate } from './gate.ts'
