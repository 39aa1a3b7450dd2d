import type { Outcome } from '../records/api.ts'
import { Refusal } from './problem.ts'

/** Without a word from Records: an outage is over in seconds, or in many. */
const RETRY_SECONDS = 5

export type Found = Outcome & { readonly envelope: Uint8Array; readonly seq: number }

/** @throws Refusal unless it is OK */
export function accepted(outcome: Outcome): Outcome {
  const { status, detail, retrySeconds = RETRY_SECONDS } = outcome
  const later = { 'retry-after': `${Math.max(1, Math.ceil(retrySeconds))}` }
  switch (status) {
    case 'OK':
      return outcome
    case 'NOT_FOUND':
      throw new Refusal('no-record', { detail })
    case 'STALE':
      throw new Refusal('stale', { detail, members: newer(outcome) })
    case 'BAD_RECORD':
      throw new Refusal('bad-record', { detail })
    case 'BAD_CLOCK':
      throw new Refusal('bad-clock', { detail })
    case 'FORBIDDEN':
      throw new Refusal('forbidden', { detail })
    case 'LIMIT':
      throw new Refusal('limit', { detail, headers: later })
    case 'UNAVAILABLE':
      throw new Refusal('unavailable', { detail, headers: later })
    default:
      return status satisfies never
  }
}

/** @throws Refusal unless there is a record */
export function foundRecord(outcome: Outcome): Found {
  const { envelope, seq, ...rest } = accepted(outcome)
  if (envelope == null || seq == null) throw new Error('records: OK without a record')
  return { ...rest, envelope, seq }
}

function newer({ seq, envelope }: Outcome) {
  return {
    ...(seq == null ? {} : { seq }),
    ...(envelope == null ? {} : { envelope: Buffer.from(envelope).toString('base64') })
  }
}
