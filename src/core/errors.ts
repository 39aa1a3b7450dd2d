/**
 * Every way in which Beeline fails, and what it means. The message of a {@link NatError} says what was tried, with which
 * address, and what to do next; docs/errors.md has a line for each code.
 */
export const ERROR_CODES = {
  MALFORMED: 'bytes that are not what the protocol says',
  BAD_ADDRESS: 'an address or peer id that cannot be read',
  BAD_OPTION: 'an option that cannot be used as it is',
  BAD_KEY: 'a key file that cannot be read or holds no key',
  NO_HUB: 'no hub was given, or none of those given answers',
  HUB_REFUSED: 'a hub answered, and refused the reservation or the relayed connection',
  PEER_OFFLINE: 'a hub answered, and the peer has no reservation there',
  WRONG_PEER: 'somebody answered who is not the peer that was asked for',
  PORT_TAKEN: 'another program has the port',
  NO_NETWORK: 'this machine has no address or no route that would serve',
  TIMEOUT: 'nothing happened within the deadline',
  STILL_RELAYED: 'connected over a relay, although a direct path was asked for',
  LINK_CLOSED: 'the link or the node was closed',
  UNSUPPORTED: 'the other side does not speak the protocol',
  NO_ENGINE: 'the QUIC engine has no build for this platform',
  LIMIT: 'a bound was reached: too many, too large or too fast',
  UNAVAILABLE: 'what a hub keeps its records in cannot be reached now'
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface NatErrorOptions {
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, unknown>>
}

/** The one error class of the project: programs look at `code`, people read `message`. */
export class NatError extends Error {
  override readonly name = 'NatError'
  readonly code: ErrorCode
  /** What programs may want to know beside the code, by name: docs/errors.md says which errors carry what. */
  declare readonly details?: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options?: NatErrorOptions) {
    super(message, options)
    this.code = code
    if (options?.details != null) this.details = options.details
  }
}
