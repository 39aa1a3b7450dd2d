import type { ErrorCode } from '../../core/errors.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import { CONSISTENT_NAT, HOW_TO_MAP } from '../advice.ts'
import type { Reason } from '../attempt.ts'
import { type ConclusionCode, isLeftOut, latest } from './conclusion.ts'
import type { Facts } from './facts.ts'
import {
  BOTH,
  hasIpv4,
  hasIpv6,
  isClosedNat,
  isFirewalled,
  isKnown,
  needsSecondServer,
  portsVary,
  sidesThat,
  udpBlocked,
  type Whose
} from './sides.ts'

/** What would help, and who has to do it. */
export interface Help {
  readonly code: HelpCode
  readonly text: string
  readonly where: Whose | 'hub'
}

/** @returns where it is to be done; nowhere when it would not help */
type Rule = (facts: Facts, conclusion: ConclusionCode) => readonly Help['where'][]

interface Remedy {
  /** Holds on whichever side it is done. */
  readonly text: string
  readonly where: Rule
  /** Where both sides may do it: whether one of them is enough. */
  readonly takes: 'one' | 'both'
}

/** Those for which the networks are to blame. */
const OF_NETWORKS: ReadonlySet<ConclusionCode> = new Set([
  'no-common-family',
  'udp-blocked',
  'both-random',
  'ports-vary',
  'unanswered',
  'all-skipped'
])

/** In the order in which they are worth doing. A fixed list, because scripts look these up; docs/reasons.md has a row for each. */
export const HELP = {
  'start-peer': {
    text: 'Start the peer (`beeline up`), with a hub that this side uses too. One that has just lost its hub takes seconds to be back.',
    where: whenError('theirs', 'PEER_OFFLINE', 'TIMEOUT'),
    takes: 'one'
  },
  'check-hub': {
    text: 'See that `beeline hub` runs, that its address is the public one, and that a firewall lets its ports in; or give a second hub.',
    where: whenError('hub', 'NO_HUB', 'HUB_REFUSED'),
    takes: 'one'
  },
  'get-online': {
    text: 'Connect this machine to a network, and try again.',
    where: whenError('mine', 'NO_NETWORK'),
    takes: 'one'
  },
  'check-identity': {
    text: 'Get its id anew, from the peer itself: its key has changed, or somebody else has its address.',
    where: whenError('theirs', 'WRONG_PEER'),
    takes: 'one'
  },
  'allow-techniques': {
    text: 'Allow the techniques that were left out by choice: --only, or `techniques` of createNode.',
    where: whenReason('mine', 'not-allowed'),
    takes: 'one'
  },
  'update-peer': {
    text: 'Run the same version there, with no technique left out: making a hole takes two.',
    where: whenReason('theirs', 'unsupported', 'disagreed'),
    takes: 'one'
  },
  'hub-over-quic': {
    text: 'Use a hub by its QUIC address (/udp/…/quic-v1): one that is reached over TCP sees no UDP socket, and can tell no address of it.',
    where: facts => {
      const punch = latest(facts).find(({ technique }) => technique === 'punch-quic')
      return punch?.reason === 'no-own-address' ? ['mine'] : punch?.reason === 'no-peer-address' ? ['theirs'] : []
    },
    takes: 'both'
  },
  'allow-private': {
    text: 'If there is a way from one private address to the other (a VPN, a laboratory), allow those: --allow-private, or `allowPrivate` of createNode.',
    where: (facts, conclusion) =>
      whenReason('mine', 'no-own-address', 'no-peer-address')(facts, conclusion).length > 0 ? BOTH : [],
    takes: 'both'
  },
  'let-udp-out': {
    text: 'Ask whoever runs the network to let UDP out.',
    where: whenNetwork(udpBlocked),
    takes: 'both'
  },
  'map-port': {
    text: `Let the router map a port, so that the other side can dial in: ${HOW_TO_MAP}.`,
    where: whenNetwork(isClosedNat),
    takes: 'one'
  },
  'open-firewall': {
    text: 'Let UDP in to this machine.',
    where: whenNetwork(isFirewalled),
    takes: 'one'
  },
  'consistent-nat': {
    text: `If the router is your own, have it give all peers one port: ${CONSISTENT_NAT}.`,
    where: whenNetwork(portsVary),
    takes: 'one'
  },
  ipv6: {
    text: 'Get IPv6, which needs no NAT; both sides must have it.',
    where: whenNetwork(network => hasIpv4(network) && !hasIpv6(network)),
    takes: 'both'
  },
  'other-network': {
    text: 'Try another network: a home, or a phone that shares its connection.',
    where: whenNetwork(network => udpBlocked(network) || portsVary(network)),
    takes: 'one'
  },
  'one-way-out': {
    text: "Have the router send all of one machine's traffic by one of its ways out: now peers see another address than the hub does.",
    where: whenNetwork(({ uplinks }) => uplinks > 1),
    takes: 'both'
  },
  'neighbours-meet': {
    text: "Let neighbours talk to each other: no guest network, no 'client isolation' on the Wi-Fi; or switch 'NAT loopback' (hairpinning) on in the router.",
    where: (_, conclusion) => (conclusion === 'same-nat' ? ['mine'] : []),
    takes: 'one'
  },
  'hub-two-addresses': {
    text: 'Give the hub a second address (`beeline hub --host A --host B`), or use two hubs: with one, nobody can tell what a NAT does.',
    where: (facts, conclusion) => (whenNetwork(needsSecondServer)(facts, conclusion).length > 0 ? ['hub'] : []),
    takes: 'one'
  },
  'hub-limits': {
    text: 'Use a hub with generous limits: the relayed connection was closed in the middle.',
    where: whenReason('hub', 'relay-closed'),
    takes: 'one'
  },
  'ask-doctor': {
    text: 'Run `beeline doctor` there: it says what the network does, and what can be done about it.',
    where: (facts, conclusion) =>
      conclusion === 'unanswered' || conclusion === 'all-skipped'
        ? BOTH.filter(whose => facts[whose] == null || !isKnown(facts[whose]))
        : [],
    takes: 'both'
  },
  wait: {
    text: 'Wait: it is tried again, ever more rarely, as long as the link lives.',
    where: whenReason('mine', 'busy', 'limit', 'port-taken', 'role-clash'),
    takes: 'one'
  }
} as const satisfies Record<string, Remedy>

export type HelpCode = keyof typeof HELP

/** What would make it direct, or connected; nothing where it is, or where it is too early to say. Pure. */
export function helpFor(facts: Facts, conclusion: ConclusionCode): Help[] {
  if (conclusion === 'direct' || conclusion === 'trying') return []
  const codes = Object.keys(HELP) as HelpCode[]
  const useful =
    conclusion === 'all-skipped' && isLeftOut(facts) ? codes.filter(code => code === 'allow-techniques') : codes
  return useful.flatMap(code => {
    const { text, where }: Remedy = HELP[code]
    return where(facts, conclusion).map(each => ({ code, text, where: each }))
  })
}

function whenNetwork(is: (network: NetworkSummary) => boolean): Rule {
  return (facts, conclusion) => (OF_NETWORKS.has(conclusion) ? sidesThat(facts, is) : [])
}

function whenError(where: Help['where'], ...codes: readonly ErrorCode[]): Rule {
  return ({ error }, conclusion) =>
    conclusion === 'not-connected' && error != null && codes.includes(error.code) ? [where] : []
}

function whenReason(where: Help['where'], ...reasons: readonly Reason[]): Rule {
  return facts => {
    const tried = latest(facts).map(({ reason }) => reason)
    const whys = facts.plan.filter(({ action }) => action === 'skip').map(({ why }) => why)
    return [...tried, ...whys].some(reason => reasons.includes(reason)) ? [where] : []
  }
}
