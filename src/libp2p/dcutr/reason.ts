import type { Connection, Stream } from '@libp2p/interface'
import type { ErrorCode } from '../../core/errors.ts'
import type { Reason } from '../../traversal/attempt.ts'

/** An error and its causes, the outermost first: transports wrap what the system and the peer say. */
function* chainOf(error: unknown): Generator<{ name?: string; code?: string; message?: string }> {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) yield at
}

/** What a failed exchange on the DCUtR stream means. */
export function exchangeReason(error: unknown, relayed: Connection, stream: Stream | undefined): Reason {
  if (relayed.status !== 'open') return 'relay-closed'
  for (const { name, code } of chainOf(error)) {
    switch (code as ErrorCode | undefined) {
      case 'MALFORMED':
        return 'malformed'
      case 'TIMEOUT':
        return 'silent'
      case 'UNSUPPORTED':
        return 'unsupported'
      case 'LINK_CLOSED':
        return 'refused'
    }
    switch (name) {
      case 'UnsupportedProtocolError':
        return 'unsupported'
      case 'StreamBufferError':
        return 'malformed'
      case 'TimeoutError':
        return 'silent'
    }
  }
  return stream?.status === 'aborted' ? 'silent' : 'refused'
}

/** What a failed dial means. */
export function dialReason(error: unknown): Reason {
  for (const { name, code } of chainOf(error)) {
    if (code === 'WRONG_PEER' || name === 'UnexpectedPeerError' || name === 'InvalidPeerIdError') return 'wrong-peer'
    // the upgrader keeps only the text of what went wrong while it proved the identity
    if (name === 'EncryptionFailedError' || name === 'InvalidCryptoExchangeError') return 'wrong-peer'
    if (code === 'EADDRNOTAVAIL' || code === 'EADDRINUSE') return 'port-taken'
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return 'refused'
  }
  return 'no-answer'
}

/** An error in one line, for the detail of an attempt. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error)
}
