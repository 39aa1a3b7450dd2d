import type { Random } from '../../core/random.ts'
import { FIRST_PORT, LAST_PORT } from './networks.ts'

/** Samples no further apart than that lie in one range: a block of ports that a carrier gives to each customer (RFC 7422), or what a system takes its ports from. */
const GAP = 2_048
/** A range ends somewhere beyond its outermost samples. */
const MARGIN = 256

interface Range {
  readonly first: number
  readonly last: number
}

/**
 * All ports that may be probed, in random order and without repetition: those around what was seen first, then what lies between the lowest and the highest,
 * then the rest. Where ports come from everywhere this costs nothing, as one port is as good as another; where they come from a block it is found at once.
 */
export function* portsToTry(seen: readonly number[], random: Random): Generator<number> {
  const done: Range[] = []
  for (const tier of tiersOf(seen)) {
    const ports = tier.flatMap(range => Array.from({ length: range.last - range.first + 1 }, (_, n) => range.first + n))
    const fresh = ports.filter(port => !done.some(({ first, last }) => port >= first && port <= last))
    done.push(...tier)
    yield* shuffled(fresh, random)
  }
}

function tiersOf(seen: readonly number[]): Range[][] {
  const all = [{ first: FIRST_PORT, last: LAST_PORT }]
  const sorted = seen.filter(port => port >= FIRST_PORT && port <= LAST_PORT).sort((a, b) => a - b)
  if (sorted.length === 0) return [all]
  const clusters: Range[] = []
  for (const port of sorted) {
    const last = clusters.at(-1)
    if (last != null && port - last.last <= GAP) clusters[clusters.length - 1] = { first: last.first, last: port }
    else clusters.push({ first: port, last: port })
  }
  const near = clusters.map(({ first, last }) => bounded(first - MARGIN, last + MARGIN))
  return [near, [bounded(sorted[0]!, sorted.at(-1)!)], all]
}

function bounded(first: number, last: number): Range {
  return { first: Math.max(FIRST_PORT, first), last: Math.min(LAST_PORT, last) }
}

/** Fisher and Yates, as far as it is asked for. */
function* shuffled(ports: number[], random: Random): Generator<number> {
  for (let i = 0; i < ports.length; i++) {
    const j = random.int(i, ports.length - 1)
    const port = ports[j]!
    ports[j] = ports[i]!
    yield port
  }
}
