import { createHash, timingSafeEqual } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import type { Access } from '../access/access.ts'
import { Refusal } from './problem.ts'

/** The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1). */
function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
}

/**
 * Lets in whoever may use the hub.
 *
 * @param signer of whose record the request is: what a peer that is let in has signed, anybody may bring
 * @throws Refusal
 */
export function admit(access: Access, authorization: string | undefined, source: string, signer?: PeerId): void {
  const token = bearerToken(authorization)
  if (signer != null && access.refusal(signer.toString()) == null) return
  const why = access.bearer(token, source)
  if (why == null) return
  if (token == null) throw tokenNeeded(why)
  throw new Refusal('forbidden', { detail: why })
}

/** Lets in whoever runs the hub. @throws Refusal */
export function admitOperator(operatorToken: string | undefined, authorization: string | undefined): void {
  if (operatorToken == null) {
    const detail = 'nobody may list peers: this hub was started without an operator token'
    throw new Refusal('forbidden', { detail })
  }
  const token = bearerToken(authorization)
  if (token == null) throw tokenNeeded('only the operator may list peers: send the token that the hub was started with')
  if (!timingSafeEqual(digest(token), digest(operatorToken))) {
    throw new Refusal('forbidden', { detail: "that is not the operator's token" })
  }
}

function tokenNeeded(detail: string): Refusal {
  return new Refusal('token-needed', { detail, headers: { 'www-authenticate': 'Bearer' } })
}

/** Of one length, whatever was sent. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
