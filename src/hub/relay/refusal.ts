import type { CircuitStatus, HopMessage } from '../../wire/circuit.ts'

/** What a request is refused with. */
export interface Refusal {
  readonly status: CircuitStatus
  /** For people, at the other side. */
  readonly reason?: string
}

export function refused(status: CircuitStatus, reason?: string): Refusal {
  return { status, ...(reason == null ? {} : { reason }) }
}

export function refusalMessage(refusal: Refusal): HopMessage {
  return { type: 'STATUS', ...refusal }
}
