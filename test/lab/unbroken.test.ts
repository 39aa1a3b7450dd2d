import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { effects } from '../../bench/links/figures.ts'
import { Pair } from '../../bench/links/pair.ts'
import { run } from '../../bench/links/run.ts'
import { Stage, unbrokenSpec } from '../../bench/links/stage.ts'
import { seededRandom } from '../../src/core/random.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'

/** Of everything: a path that comes later than this, or a stall that lasts longer, is a failure. No figure: bench/links.ts has those. */
const DEADLINE_MS = 10_000
/** How fast it catches up is no matter here. */
const CATCH_UP_MS = 3_000
const REST_MS = [500, 1_000] as const
const SEED = 5

describe('a stream of numbered blocks at 1 MB/s', { skip: NO_LAB }, () => {
  test('goes on, whole and in order, whatever happens to the networks', async t => {
    await using stage = await Stage.open(unbrokenSpec(20, NO_SIM_ROUTER === false), SEED, t.signal)
    const hubs = stage.hubAddresses(/\/quic-v1\/|\/tcp\/\d+\/p2p\//)
    const pair = new Pair(stage.lab, { contender: 'beeline', hubs, seed: SEED })
    await pair.start()
    const options = {
      deadlineMs: DEADLINE_MS,
      catchUpMs: CATCH_UP_MS,
      restMs: REST_MS,
      onStep: ({ name }: { name: string }) => t.diagnostic(name)
    }
    const marks = await run(stage, pair, [], seededRandom(SEED), options, t.signal)
    const isWhole = await pair.finish()
    const told = () => JSON.stringify([pair.sent('path'), pair.received('path'), pair.received('gap')])

    assert.deepEqual(pair.sent('broke'), [], 'the stream never broke')
    assert.deepEqual([...pair.sent('failed'), ...pair.received('failed')], [])
    assert.equal(pair.sent('stream').length, 1, 'it is one stream from beginning to end')
    assert.deepEqual([...pair.received('wrong'), ...pair.sent('wrong')], [], 'every byte is right, and in its place')
    assert.ok(isWhole, 'all blocks have come, and all acknowledgements')
    assert.equal(pair.received('done')[0]?.blocks, pair.sent('done')[0]?.blocks)
    for (const { step, stallMs = 0 } of effects(pair, marks)) {
      assert.ok(stallMs < DEADLINE_MS, `${step}: nothing came for ${stallMs} ms: ${told()}`)
    }
    for (const { step, met } of marks) {
      assert.ok(met, `${step.name}: not ${step.path} within ${DEADLINE_MS} ms, or nothing came: ${told()}`)
    }
  })
})
