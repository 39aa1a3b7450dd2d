import { NatError } from '../core/errors.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import type { Technique } from '../traversal/technique.ts'
import { BUILT_IN } from '../traversal/techniques/index.ts'
import { type LocalPeers, local, localAmong } from '../traversal/techniques/local.ts'

/** A plan names all of them to the other side, and each costs an attempt there too. */
export const MAX_EXTRA_TECHNIQUES = 16

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

/** What comes with the program, and the user's own behind it. @throws NatError BAD_OPTION */
export function registered(extra: readonly Technique[] = []): readonly Technique[] {
  if (extra.length > MAX_EXTRA_TECHNIQUES) {
    throw wrong(`extraTechniques has ${extra.length}, and may have ${MAX_EXTRA_TECHNIQUES}`)
  }
  const all = [...BUILT_IN]
  for (const technique of extra) {
    const problem = problemOf(technique, all)
    if (problem != null) throw wrong(`extraTechniques: ${problem}`)
    all.push(technique)
  }
  return all
}

/** The same, where neighbours are known. */
export function withNeighbours(all: readonly Technique[], neighbours: LocalPeers): readonly Technique[] {
  return all.map(technique => (technique === local ? localAmong(neighbours) : technique))
}

/** Those that may be used. @throws NatError BAD_OPTION for a name that none of them has */
export function allowed(
  names: readonly TechniqueName[] | undefined,
  all: readonly Technique[]
): readonly TechniqueName[] | undefined {
  const unknown = names?.find(each => !all.some(({ name }) => name === each))
  if (unknown == null) return names
  throw wrong(`techniques: ${unknown} is none of ${all.map(({ name }) => name).join(', ')}`)
}

/** It may come from a program without types. */
function problemOf(technique: Technique, all: readonly Technique[]): string | undefined {
  const { name, cost, typicalMs, sides, fits, attempt, onChange } = technique ?? {}
  if (typeof name !== 'string' || !NAME.test(name)) {
    return `${String(name)} is no name: lower case, digits and dashes, 32 characters at most`
  }
  if (all.some(each => each.name === name)) return `there is a ${name} already`
  if (!isCount(cost)) return `the cost of ${name} is packets, 0 or more`
  if (!isCount(typicalMs)) return `typicalMs of ${name} is milliseconds, 0 or more`
  if (sides !== 'one' && sides !== 'both') return `sides of ${name} is 'one' or 'both'`
  if (typeof fits !== 'function' || typeof attempt !== 'function') return `${name} has no fits() or no attempt()`
  if (onChange != null && typeof onChange !== 'function') return `onChange of ${name} is no function`
  return undefined
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function wrong(why: string): NatError {
  return new NatError('BAD_OPTION', why)
}
