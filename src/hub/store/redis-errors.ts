import { ErrorReply } from '@redis/client'
import { NatError } from '../../core/errors.ts'
import { clean } from '../../core/text.ts'

/** A server that has become a replica says so for ever: who has its name now is found by connecting anew. */
const MOVED_AWAY = /^(READONLY|MASTERDOWN)\b/

/** Whether it is about the connection: all that is no answer of a server is. */
export function isBreak(error: Error): boolean {
  return !(error instanceof ErrorReply) || MOVED_AWAY.test(error.message)
}

/** Waiting does not help against these: the operator has to. */
export function isRefusedLogin(error: Error): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|Client sent AUTH|DB index|invalid password))/i.test(error.message)
}

export function hasNoScript(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('NOSCRIPT')
}

/** What an operation fails with when the server has answered by an error: it loads, it is full, its cluster is down. */
export function refused(name: string, error: unknown): NatError {
  if (error instanceof NatError) return error
  const text = clean((error as Error).message).slice(0, 200)
  return new NatError('UNAVAILABLE', `${name} does not keep records now (${text})`, { cause: error })
}
