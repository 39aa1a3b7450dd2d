import type { Attempt, TechniqueName } from '../traversal/attempt.ts'
import { type ExplainedPath, type Explanation, explanationOf } from '../traversal/explain.ts'
import type { Link } from './link.ts'

/** What was tried for a link, what happened, why, and what would help, as far as it is known by now. */
export function explainLink(link: Link): Explanation {
  const { peer, path, attempts, history } = link
  const technique = history.at(-1)?.technique ?? (path == null ? null : foundBy(path, attempts))
  return explanationOf({
    peer,
    path: path == null ? null : { ...path, technique },
    mine: null,
    theirs: null,
    plan: [],
    attempts: [...attempts]
  })
}

/** Of a peer of another kind nobody says so: a direct connection was there before, or came up beside the attempt that was the first to prove itself. */
export function foundBy(
  { kind, transport }: Pick<ExplainedPath, 'kind' | 'transport'>,
  attempts: readonly Attempt[]
): TechniqueName {
  if (kind === 'relay') return 'relay'
  const { technique = 'direct' } = attempts.findLast(({ outcome }) => outcome === 'ok') ?? {}
  return technique.startsWith('punch-') && technique !== `punch-${transport}` ? 'direct' : technique
}
