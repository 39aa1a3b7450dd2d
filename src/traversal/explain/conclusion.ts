import { type BuiltInTechnique, REASONS, type Reason, type TechniqueName } from '../attempt.ts'
import type { ExplainedAttempt, Facts } from './facts.ts'
import { behindOneNat, meetOverIpv6, portsRandom, portsVary, shareFamily, sidesThat, udpBlocked } from './sides.ts'

/** What it comes to, in one code. A fixed list, because scripts look these up; docs/reasons.md has a row for each. */
export const CONCLUSIONS = {
  direct: 'the path is direct',
  'not-connected': 'there is no connection',
  trying: 'relayed so far, and techniques are still under way',
  'not-tried': 'relayed, and nothing else has been tried or planned',
  lost: 'relayed: a direct path was there, and does not work any more',
  unsupported: 'relayed: the other side does not take part in making a direct path',
  'no-common-family': 'relayed: one side has IPv4 only, the other one IPv6 only',
  'udp-blocked': 'relayed: UDP is blocked on one side at least, and TCP found no way',
  'both-random': 'relayed: both NATs give each peer another random port',
  'ports-vary': 'relayed: one NAT or both give each peer another port, and no guess was right',
  'same-nat': 'relayed: both sides are behind one NAT, and did not reach each other inside it',
  'no-addresses': 'relayed: one side knows no address of its own to be sent to',
  unanswered: 'relayed: packets went out to each other, and none arrived',
  failed: 'relayed: what was tried failed for reasons of its own',
  'all-skipped': 'relayed: no technique fits the two networks, or none was allowed'
} as const

export type ConclusionCode = keyof typeof CONCLUSIONS

export interface Conclusion {
  readonly code: ConclusionCode
  /** For people: a sentence without a full stop. */
  readonly text: string
}

/** How a direct path came about, by what found it. */
const MADE_BY: Readonly<Record<Exclude<BuiltInTechnique, 'relay'>, string>> = {
  direct: 'the other side can be dialled at an address that it has told us',
  local: 'both sides are in one network, and meet by their local addresses',
  reverse: 'the other side dialled us back at an address of ours',
  'punch-quic': "both sides sent to each other at once, so that each NAT took the other's packets for answers",
  'punch-tcp': 'both sides opened a TCP connection to each other at the same moment',
  predict: 'the next ports that a NAT gives out were foreseen',
  birthday: 'of many ports on one side and many probes from the other, two have met'
}

/** In the order in which they hide each other: what explains most comes first. */
const RULES: readonly ((facts: Facts) => Conclusion | undefined)[] = [
  ({ path, error }) => {
    if (path != null) return undefined
    return { code: 'not-connected', text: error == null ? 'not connected' : `not connected: ${error.message}` }
  },

  ({ path }) => (path?.kind === 'direct' ? { code: 'direct', text: madeBy(path.technique) } : undefined),

  facts => {
    const { attempts } = facts
    const waiting = unfinished(facts)
    if (waiting.length > 0) return { code: 'trying', text: `relayed so far; under way: ${waiting.join(', ')}` }
    if (facts.plan.every(isRelay) && attempts.every(isRelay)) {
      return { code: 'not-tried', text: 'relayed: nothing else has been tried so far' }
    }
    return undefined
  },

  facts => {
    const ended = punches(facts)
    const last = ended.findLast(({ outcome }) => outcome !== 'skipped')
    const found = last == null ? ended.find(({ reason }) => reason === 'already-direct') : last
    if (found == null || found.outcome === 'failed') return undefined
    const by = found.outcome === 'ok' ? ` (${found.technique})` : ''
    return { code: 'lost', text: `relayed: a direct path was there${by}, and does not work any more` }
  },

  facts =>
    isLeftOut(facts)
      ? { code: 'all-skipped', text: 'relayed: nothing is allowed on this side that could make it direct' }
      : undefined,

  facts => {
    const tells = ({ technique, reason }: ExplainedAttempt) => /^punch-/.test(technique) && reason === 'unsupported'
    return punches(facts).some(tells)
      ? { code: 'unsupported', text: 'relayed: the other side speaks no DCUtR, so nothing can be agreed with it' }
      : undefined
  },

  facts =>
    shareFamily(facts)
      ? undefined
      : {
          code: 'no-common-family',
          text: 'relayed: one side has IPv4 only and the other one IPv6 only, so no packet goes straight between them'
        },

  facts => {
    const [first, second] = sidesThat(facts, udpBlocked)
    if (first == null) return undefined
    const where = second == null ? `in ${NETWORK[first]}` : 'in both networks'
    const text = `relayed: UDP is blocked ${where}, and no TCP connection came about${because(facts, ['punch-tcp'])}`
    return { code: 'udp-blocked', text }
  },

  facts => {
    if (!behindOneNat(facts) || sidesThat(facts, ({ udp4 }) => udp4.hairpin === true).length > 0) return undefined
    const text = 'relayed: both sides are behind one NAT that does not lead back inside, and did not meet inside it'
    return { code: 'same-nat', text: `${text}${because(facts, ['local'])}` }
  },

  facts =>
    !meetOverIpv6(facts) && sidesThat(facts, portsRandom).length === 2
      ? {
          code: 'both-random',
          text: 'relayed: both NATs give each peer another random port, so neither side can be told, or guess, where to send'
        }
      : undefined,

  facts => {
    const [first, second] = sidesThat(facts, portsVary)
    if (first == null || meetOverIpv6(facts)) return undefined
    const nat =
      second == null
        ? `${first === 'mine' ? 'your' : 'their'} NAT gives each peer another port`
        : 'both NATs give each peer another port'
    const text = `relayed: ${nat}, so nobody can be told where to send`
    return { code: 'ports-vary', text: `${text}${because(facts, ['birthday', 'predict'])}` }
  },

  facts => {
    const reason = punches(facts).find(({ reason }) => NO_ADDRESS.has(reason))?.reason
    return reason == null || answered(facts) ? undefined : { code: 'no-addresses', text: `relayed: ${REASONS[reason]}` }
  },

  facts => {
    const failed = latest(facts).filter(({ outcome }) => outcome === 'failed')
    if (failed.length === 0) return undefined
    if (failed.every(({ reason }) => reason === 'no-answer')) {
      return {
        code: 'unanswered',
        text: `relayed: packets went out to each other, and none arrived (${failed.map(({ technique }) => technique).join(', ')}): a NAT or a firewall on the way drops them`
      }
    }
    const { technique, reason } = failed.findLast(each => each.reason !== 'no-answer') ?? failed[0]!
    return { code: 'failed', text: `relayed: ${technique} failed, ${sentence(reason)}` }
  }
]

const NETWORK = { mine: 'your network', theirs: 'their network' } as const

const NO_ADDRESS: ReadonlySet<Reason> = new Set(['no-own-address', 'no-peer-address'])

/** Those that mostly work: where they were passed over, that is why. */
const TELLING: readonly TechniqueName[] = ['punch-quic', 'punch-tcp']

/** Why the path is what it is. Pure; of several causes the one that hides the others. */
export function conclude(facts: Facts): Conclusion {
  for (const rule of RULES) {
    const conclusion = rule(facts)
    if (conclusion != null) return conclusion
  }
  const told = skipped(facts)
  const [first] = TELLING.flatMap(technique => told.filter(each => each.technique === technique)).concat(told)
  const why = first == null ? '' : `; ${first.technique}: ${sentence(first.why)}`
  return { code: 'all-skipped', text: `relayed: no technique fits${why}` }
}

/** Whether it is relayed by choice: then the networks are not to blame. */
export function isLeftOut(facts: Facts): boolean {
  const told = [
    ...punches(facts).map(({ reason }) => reason),
    ...facts.plan.filter(step => !isRelay(step)).map(({ why }) => why)
  ]
  return told.length > 0 && told.every(reason => reason === 'not-allowed')
}

/** The last attempt of each technique: a link goes on trying, and what was true an hour ago need not be now. */
export function latest({ attempts }: Pick<Facts, 'attempts'>): ExplainedAttempt[] {
  const last = new Map<TechniqueName, ExplainedAttempt>()
  for (const attempt of attempts) {
    last.delete(attempt.technique)
    last.set(attempt.technique, attempt)
  }
  return [...last.values()]
}

/** What a code says, also one of a later version's. */
export function sentence(reason: Reason): string {
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : reason
}

function madeBy(technique: TechniqueName | null): string {
  if (technique == null || technique === 'relay') return 'direct'
  const how = Object.hasOwn(MADE_BY, technique)
    ? MADE_BY[technique as keyof typeof MADE_BY]
    : 'a technique of your own found the path'
  return `direct by ${technique}: ${how}`
}

function isRelay({ technique }: { readonly technique: TechniqueName }): boolean {
  return technique === 'relay'
}

function skipped(facts: Facts): { readonly technique: TechniqueName; readonly why: Reason }[] {
  const planned = facts.plan.filter(step => step.action === 'skip' && !isRelay(step))
  return [...punches(facts).map(({ technique, reason }) => ({ technique, why: reason })), ...planned]
}

/** Techniques that are to be tried and have not ended. */
function unfinished({ plan, attempts }: Facts): TechniqueName[] {
  const ended = new Set(attempts.map(({ technique }) => technique))
  return plan
    .filter(step => step.action === 'take' && !isRelay(step) && !ended.has(step.technique))
    .map(({ technique }) => technique)
}

/** What became of all but the relay. */
function punches(facts: Facts): ExplainedAttempt[] {
  return latest(facts).filter(attempt => !isRelay(attempt))
}

/** Whether something got as far as to fail by itself: then addresses were not what was missing. */
function answered(facts: Facts): boolean {
  return punches(facts).some(({ outcome }) => outcome === 'failed')
}

/** What became of the techniques that this would have been for. */
function because(facts: Facts, techniques: readonly BuiltInTechnique[]): string {
  const tried = latest(facts).filter(({ technique }) => techniques.some(each => each === technique))
  const isPlanned = (name: TechniqueName) => facts.plan.some(step => step.technique === name && step.action === 'take')
  const failed = tried.find(({ outcome }) => outcome === 'failed')
  const told = failed ?? tried.find(({ technique }) => isPlanned(technique)) ?? tried[0]
  if (told == null) return ''
  return `; ${told.technique}: ${sentence(told.reason)}`
}
