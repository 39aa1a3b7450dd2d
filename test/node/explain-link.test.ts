import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explanationIn } from '../../src/index.ts'
import { foundBy } from '../../src/node/explain-link.ts'
import type { Attempt } from '../../src/traversal/attempt.ts'
import { Stage } from '../libp2p/links/stage.ts'

const ok = (technique: string): Attempt => ({ technique, outcome: 'ok', reason: 'connected', ms: 1 })
const failed = (technique: string): Attempt => ({ technique, outcome: 'failed', reason: 'no-answer', ms: 1 })

describe('what made the path to a peer of another kind', () => {
  for (const [what, kind, transport, attempts, technique] of [
    ['a relay', 'relay', 'quic', [ok('punch-quic')], 'relay'],
    ['a punch', 'direct', 'quic', [failed('punch-tcp'), ok('punch-quic')], 'punch-quic'],
    ['the last of two', 'direct', 'quic', [ok('reverse'), ok('punch-quic')], 'punch-quic'],
    ['no punch of that transport', 'direct', 'tcp', [ok('punch-quic')], 'direct'],
    ['nothing that was tried', 'direct', 'tcp', [failed('punch-tcp')], 'direct'],
    ["the user's own", 'direct', 'quic', [ok('carrier-pigeon')], 'carrier-pigeon']
  ] as const) {
    it(what, () => assert.equal(foundBy({ kind, transport }, attempts), technique))
  }
})

it('who asked for a direct path and did not get one is told why, and what would help', async () => {
  await using stage = new Stage()
  const hub = await stage.hub()
  const alice = await stage.echo([hub], { techniques: [] })
  const bob = await stage.node([hub], { techniques: ['punch-tcp'] })
  const error = await bob.connect(alice.id, { until: 'direct' }).then(
    () => assert.fail('it is direct'),
    (error: unknown) => error
  )
  const { peer, path, conclusion, attempts } = explanationIn(error)!
  assert.deepEqual([peer, path?.kind, path?.technique], [alice.id, 'relay', 'relay'])
  assert.equal(attempts.findLast(({ technique }) => technique === 'punch-tcp')?.outcome, 'failed')
  assert.match(conclusion.text, /^relayed: /)
})
