import { NatError } from '../core/errors.ts'

/** Turns what a dial failed with into one line: the cause, and what to do. */
export function connectError(peer: string, error: unknown, signal: AbortSignal): NatError {
  if (error instanceof NatError) return error
  const text = messages(error).join('; ')
  if (/NO_RESERVATION/.test(text)) {
    return new NatError(
      'PEER_OFFLINE',
      `${peer} is not at this hub: is \`beeline up\` running there, with the same hub?`,
      { cause: error }
    )
  }
  if (/RESERVATION_REFUSED|RESOURCE_LIMIT|PERMISSION_DENIED|CONNECTION_FAILED/.test(text)) {
    return new NatError('HUB_REFUSED', `the hub did not connect us to ${peer}: ${text}`, { cause: error })
  }
  if (signal.aborted)
    return new NatError('TIMEOUT', `${peer} was not reached within the time: ${text}`, { cause: error })
  return new NatError('PEER_OFFLINE', `cannot reach ${peer}: ${text}`, { cause: error })
}

function messages(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(messages)
  return error instanceof Error ? [error.message] : [String(error)]
}
