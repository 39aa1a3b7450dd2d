import { NatError } from '../core/errors.ts'

/** What the system says when it has no more descriptors or memory for sockets (errno(3)). */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ENOSPC']

/** Why a public socket could not be opened: the same words on both data planes. */
export function bindError(address: string, port: number, errno: string): NatError {
  if (EXHAUSTED.includes(errno)) return exhausted(errno)
  switch (errno) {
    case 'EADDRINUSE':
      return new NatError(
        'PORT_TAKEN',
        `UDP port ${port} on ${address} is taken: stop the program that has it, or choose another port`
      )
    case 'EACCES':
      return new NatError('NO_NETWORK', `this user may not listen on ${address} port ${port}: choose a port above 1023`)
    case 'EAFNOSUPPORT':
      return new NatError('NO_NETWORK', `cannot listen on ${address}: this system has no such address family`)
    default:
      return new NatError(
        'NO_NETWORK',
        `cannot listen on ${address} port ${port} (${errno}): is it an address of this machine?`
      )
  }
}

/** Each peer costs a loopback socket, so descriptors are what a busy node runs out of first. */
export function exhausted(errno: string): NatError {
  return new NatError(
    'LIMIT',
    `the system has no socket left for one more peer (${errno}): close some, or raise the limit of open files (ulimit -n)`
  )
}
