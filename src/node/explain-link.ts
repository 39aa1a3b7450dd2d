import type { LinkPath } from '../libp2p/path.ts'
import type { Attempt, TechniqueName } from '../traversal/attempt.ts'
import { type ExplainedPath, type Explanation, explanationOf, type LookupFinding } from '../traversal/explain.ts'
import type { Traversal } from '../traversal/link/traversal.ts'
import type { NetworkSummary } from '../wire/summary.ts'

/** What a link tells of itself. */
export interface Explainable {
  readonly peer: string
  readonly path: LinkPath | undefined
  readonly attempts: readonly Attempt[]
  /** Of a link to one of our nodes the techniques are known. */
  readonly history: readonly { readonly technique?: TechniqueName }[]
  /** How a direct path is looked for; of links to our nodes. */
  readonly traversal: Pick<Traversal, 'plan' | 'mine' | 'theirs'> | undefined
  /** What hubs said when we looked for the peer. */
  readonly lookups: readonly LookupFinding[]
}

/** What was tried for a link, what happened, why, and what would help, as far as it is known by now. */
export function explainLink(link: Explainable, mine?: NetworkSummary): Explanation {
  const { peer, path, attempts, history, traversal, lookups } = link
  const technique = history.at(-1)?.technique ?? (path == null ? null : foundBy(path, attempts))
  return explanationOf({
    peer,
    path: path == null ? null : { ...path, technique },
    mine: traversal?.mine ?? mine ?? null,
    theirs: traversal?.theirs ?? null,
    plan: traversal?.plan.steps ?? [],
    attempts: [...attempts],
    lookups
  })
}

/** Of a peer of another kind nobody says so: a direct connection was there before, or came up beside the attempt that was the first to prove itself. */
export function foundBy(
  { kind, transport }: Pick<ExplainedPath, 'kind' | 'transport'>,
  attempts: readonly Attempt[]
): TechniqueName {
  if (kind === 'relay') return 'relay'
  const { technique = 'direct' } = attempts.findLast(each => each.outcome === 'ok' && each.technique !== 'relay') ?? {}
  return technique.startsWith('punch-') && technique !== `punch-${transport}` ? 'direct' : technique
}
