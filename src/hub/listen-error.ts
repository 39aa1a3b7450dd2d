import { NatError } from '../core/errors.ts'

const TAKEN = /EADDRINUSE[^\n]*?(\S+):(\d+)\s*$/m

/**
 * Turns what a hub could not listen with into one line. libp2p tells it as one text that holds the stack of each address's
 * own error, so that text is what there is to read.
 */
export function listenError(error: unknown): Error {
  if (error instanceof NatError || !(error instanceof Error)) return error as Error
  const text = error.message
  const ours = /NatError: ([^\n]+)/.exec(text)?.[1]
  if (ours != null) return new NatError(/is taken/.test(ours) ? 'PORT_TAKEN' : 'NO_NETWORK', ours, { cause: error })
  const [, host, port] = TAKEN.exec(text) ?? []
  if (port != null) {
    const option = /\/tcp\/\d+\/ws/.test(text) ? '--http-port' : '--port'
    const next = `stop the program that has it, or choose another with ${option}`
    return new NatError('PORT_TAKEN', `TCP port ${port} on ${host} is taken: ${next}`, { cause: error })
  }
  const cause = /\b(EADDRNOTAVAIL|EACCES)\b[^\n]*/.exec(text)
  if (cause?.[1] === 'EADDRNOTAVAIL') {
    const next = 'name one of its own with --host, and tell others the public one with --announce'
    return new NatError('NO_NETWORK', `this machine has no such address (${cause[0]}): ${next}`, { cause: error })
  }
  if (cause != null) {
    return new NatError('NO_NETWORK', `not allowed to listen there (${cause[0]}): choose a port from 1024 on`, {
      cause: error
    })
  }
  return error
}
