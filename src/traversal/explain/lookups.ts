import { clean } from '../../core/text.ts'

/** What a hub said when it was asked for a peer's record, as a part of a sentence about that hub. A fixed list, because scripts look these up; docs/reasons.md has a row for each. */
export const LOOKUPS = {
  found: 'has a record of the peer',
  left: 'has word of the peer itself that it has left',
  none: 'has no record of the peer',
  old: 'answered with an older record of the peer',
  expired: 'answered with a record that is out of date by more than a day',
  forged: 'answered with a record that the peer has not signed, under its name',
  'wrong-peer': 'answered with a record that somebody else signed',
  garbage: 'answered with something that is no record',
  silent: 'did not answer in time',
  refused: 'refused to look',
  unsupported: 'keeps no records',
  unavailable: 'cannot reach what it keeps its records in'
} as const

export type LookupOutcome = keyof typeof LOOKUPS

/** What one hub said when it was asked for a peer's record. */
export interface LookupFinding {
  /** The hub's peer id. */
  readonly hub: string
  readonly outcome: LookupOutcome
  /** From the question to the answer. */
  readonly ms: number
  readonly detail?: string
}

/** Nothing of it was used. An honest hub may be behind (`old`), or a clock be wrong (`expired`); the others no honest hub answers. */
const UNUSED: ReadonlySet<LookupOutcome> = new Set(['forged', 'wrong-peer', 'garbage', 'old', 'expired'])
/** What nobody needs to hear. */
const USUAL: ReadonlySet<LookupOutcome> = new Set(['found', 'none', 'unsupported'])

/** What hubs answered, as far as people want to know, each in a sentence without a full stop: what was not used, and without a connection whatever may have to do with that. */
export function lookupTexts(findings: readonly LookupFinding[], isConnected: boolean): string[] {
  const told = isConnected ? UNUSED : undefined
  return findings.filter(({ outcome }) => told?.has(outcome) ?? !USUAL.has(outcome)).map(lookupText)
}

function lookupText({ hub, outcome, detail }: LookupFinding): string {
  // a code of a later version is its own text
  const said = Object.hasOwn(LOOKUPS, outcome) ? LOOKUPS[outcome] : outcome
  return `the hub ${hub} ${said}${detail == null ? '' : ` (${clean(detail)})`}`
}
