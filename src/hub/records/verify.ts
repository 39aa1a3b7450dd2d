import type { PeerId } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { assertWorthChecking, type KnownPeer, openPeerRecord } from '../../libp2p/peer-record.ts'
import type { Outcome } from './api.ts'
import { CLOCK_TOLERANCE_MS } from './limits.ts'
import { badRecord, limit } from './outcomes.ts'

export type Verified = { readonly record: KnownPeer } | { readonly refusal: Outcome }

/** Opens records that anybody may have made, a bounded number of them at once. */
export class Verifier {
  readonly #maxChecks: number
  readonly #open: typeof openPeerRecord
  #checks = 0

  constructor(maxChecks: number, open: typeof openPeerRecord = openPeerRecord) {
    this.#maxChecks = maxChecks
    this.#open = open
  }

  /** @param refusal asked when only the signature is left to check, of those who have not proved who they are: what is no record at all must not use up what they share */
  async verify(envelope: Uint8Array, of: PeerId | undefined, refusal?: () => Outcome | undefined): Promise<Verified> {
    if (refusal == null) return await this.#check(envelope, of)
    try {
      assertWorthChecking(envelope, of)
    } catch (error) {
      return unreadable(error)
    }
    return await this.#check(envelope, of, refusal)
  }

  async #check(envelope: Uint8Array, of: PeerId | undefined, refusal?: () => Outcome | undefined): Promise<Verified> {
    if (this.#checks >= this.#maxChecks) return { refusal: limit('the hub checks many signatures now', 1_000) }
    const refused = refusal?.()
    if (refused != null) return { refusal: refused }
    this.#checks++
    try {
      return { record: await this.#open(envelope, of) }
    } catch (error) {
      return unreadable(error)
    } finally {
      this.#checks--
    }
  }
}

/** @throws what is not about the record */
function unreadable(error: unknown): Verified {
  if (error instanceof NatError) return { refusal: badRecord(error.message) }
  throw error
}

/** The time of a record must be near ours: what is older than we remember numbers could be brought back by anybody. */
export function badClock({ issuedAtSeconds }: KnownPeer, nowMs: number): Outcome | undefined {
  const offMs = issuedAtSeconds * 1_000 - nowMs
  if (Math.abs(offMs) <= CLOCK_TOLERANCE_MS) return undefined
  const way = offMs > 0 ? 'ahead of' : 'behind'
  const hours = Math.round(Math.abs(offMs) / 3_600_000)
  return {
    status: 'BAD_CLOCK',
    detail: `the record's time is ${hours} h ${way} the hub's clock: is the peer's clock right?`
  }
}
