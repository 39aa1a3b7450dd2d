import assert from 'node:assert/strict'
import test from 'node:test'
import type { TechniqueName } from '../../../src/traversal/attempt.ts'
import { countsAs, targetsAmong } from '../../../src/traversal/paths/targets.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'

/** What a node may do unless it is told otherwise. */
const TECHNIQUES: readonly TechniqueName[] = ['direct', 'reverse', 'punch-quic', 'punch-tcp']

const at = (kind: PathCandidate['kind'], address: string): PathCandidate => ({
  kind,
  transport: 'udp',
  address,
  port: 4001
})

const ROWS: ReadonlyArray<
  readonly [own: PathCandidate, theirs: PathCandidate, allowed: readonly TechniqueName[], finds: string | undefined]
> = [
  [at('observed', '11.0.0.1'), at('observed', '11.0.0.2'), TECHNIQUES, 'punch-quic'],
  [at('observed', '11.0.0.1'), at('host', '11.0.0.2'), TECHNIQUES, 'direct'],
  [at('observed', '11.0.0.1'), at('mapped', '11.0.0.2'), TECHNIQUES, 'direct'],
  [at('host', '11.0.0.1'), at('observed', '11.0.0.2'), TECHNIQUES, 'reverse'],
  [at('observed', '11.0.0.1'), at('host', '11.0.0.2'), ['punch-quic'], 'punch-quic'],
  [at('host', '11.0.0.1'), at('observed', '11.0.0.2'), ['punch-quic', 'punch-tcp'], 'punch-quic'],
  [at('observed', '11.0.0.1'), at('host', '11.0.0.2'), ['reverse'], undefined],
  [at('observed', '11.0.0.1'), at('observed', '11.0.0.2'), ['direct', 'reverse'], undefined],
  [at('host', '11.0.0.1'), at('host', '11.0.0.2'), ['punch-tcp'], undefined]
]
for (const [own, theirs, allowed, finds] of ROWS) {
  const only = allowed === TECHNIQUES ? 'everything' : allowed.join(', ')
  test(`ours ${own.kind}, theirs ${theirs.kind}, allowed ${only}: ${finds ?? 'not tried'}`, () => {
    const rules = { own: [own], relays: [], allowPrivate: false, techniques: new Set(allowed) }
    assert.deepEqual(
      targetsAmong([theirs], 'udp', rules).map(target => target.finds),
      finds == null ? [] : [finds]
    )
  })
}

test('TCP is not what a punch over UDP stands for, nor the other way round', () => {
  assert.equal(countsAs('punch-tcp', new Set<TechniqueName>(['punch-quic'])), undefined)
  assert.equal(countsAs('punch-quic', new Set<TechniqueName>(['punch-tcp'])), undefined)
})
