import type { Reason } from './attempt.ts'

export const UPGRADE = {
  /** "Inbound peers SHOULD retry twice (thus a total of 3 attempts)" (relay/DCUtR.md). */
  rounds: 3,
  /** A direct dial to a public host is answered within about one relayed round trip: the relay is a detour. */
  headStartRtts: 2,
  minHeadStartMs: 50,
  maxHeadStartMs: 1_000
} as const

/** Who opened the DCUtR stream: the side to which the relayed connection is inbound (the specification's B), or not (A). */
export type Side = 'initiator' | 'receiver'

/** What a side does in a round: it opens its NAT and waits for a connection, or it makes the connection. */
export type PunchRole = 'open' | 'dial'

/**
 * The receiver is the client. In the last round the initiator dials too, because go-libp2p up to 0.40 had the roles the
 * other way round (go-libp2p#3171). The receiver cannot tell that round from the others (rust-libp2p never swaps, and a
 * round is a new stream), and need not: its own handshake packets open its NAT as well as random bytes would.
 */
export function punchRole(side: Side, round: number): PunchRole {
  switch (side) {
    case 'receiver':
      return 'dial'
    case 'initiator':
      return round < UPGRADE.rounds ? 'open' : 'dial'
    default:
      return side satisfies never
  }
}

/**
 * Who is the client on a connection that both sides dialled: the receiver, as in the specification. When a connection came
 * up and the handshake on it failed, both sides took the same role (go-libp2p up to 0.40 has them the other way round), and
 * ours changes for the next round.
 */
export function simultaneousRole(side: Side, clashes: number): 'client' | 'server' {
  return (side === 'receiver') === (clashes % 2 === 0) ? 'client' : 'server'
}

/** Connection reversal (the specification's unilateral upgrade): what has become of dialling the address that the other side announces. */
export type Reversal = 'not-public' | 'dialling' | 'failed'

/**
 * How long a SYNC is held back for a reversal under way. The exchange of CONNECTs runs meanwhile, and a silent address
 * costs this, not a dial timeout.
 */
export function headStartMs(reversal: Reversal, rttMs: number): number {
  switch (reversal) {
    case 'dialling':
      return Math.min(UPGRADE.maxHeadStartMs, Math.max(UPGRADE.minHeadStartMs, UPGRADE.headStartRtts * rttMs))
    case 'not-public':
    case 'failed':
      return 0
    default:
      return reversal satisfies never
  }
}

export interface PunchFacts {
  readonly direct: boolean
  readonly punchableTransports: number
  readonly own: number
  /** Undefined before their CONNECT has come. */
  readonly theirs?: number
}

/** Why a punch would be pointless; undefined when it is not. */
export function skipReason(facts: PunchFacts): Reason | undefined {
  if (facts.direct) return 'already-direct'
  if (facts.punchableTransports === 0) return 'no-transport'
  if (facts.own === 0) return 'no-own-address'
  if (facts.theirs === 0) return 'no-peer-address'
  return undefined
}

const TELLING: readonly Reason[] = ['connected', 'wrong-peer', 'unproven', 'role-clash', 'port-taken', 'refused']

/** Of what became of several addresses, that which says most: somebody who answered says more than silence. */
export function mostTelling(reasons: readonly Reason[]): Reason {
  return TELLING.find(reason => reasons.includes(reason)) ?? 'no-answer'
}
