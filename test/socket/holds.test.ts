import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { seededRandom } from '../../src/core/random.ts'
import { Holds, MAX_HELD, MAX_HELD_IN_ALL, MAX_HOLD_MS } from '../../src/socket/holds.ts'

const flow = (id: number) => ({ id })
const numbered = (n: number) => new Uint8Array(new Uint32Array([n]).buffer)
const numberOf = (bytes: Uint8Array) => new Uint32Array(new Uint8Array(bytes).buffer)[0]!

describe('holding', () => {
  for (const holdMs of [1, 7, 40, 200]) {
    test(`for ${holdMs} ms: nothing overtakes, nothing waits longer, and after twice the time nothing waits`, () => {
      const random = seededRandom(holdMs)
      const holds = new Holds<{ id: number }>()
      const one = flow(1)
      assert.deepEqual(holds.begin(one, holdMs, 0), [])
      const sent: { n: number; cameMs: number; leftMs: number }[] = []
      const came: number[] = []
      for (let ms = 0; ms <= 3 * holdMs + 2; ms++) {
        holds.tick(ms, (each, bytes) => {
          assert.equal(each, one)
          sent.push({ n: numberOf(bytes), cameMs: came[numberOf(bytes)]!, leftMs: ms })
        })
        if (!holds.has(one)) {
          assert.ok(ms >= 2 * holdMs)
          continue
        }
        for (let i = random.int(0, 3); i > 0; i--) {
          const bytes = numbered(came.length)
          came.push(ms)
          assert.equal(holds.take(one, bytes, ms), true)
          // what the batch was read into is read into again
          bytes.fill(0xff)
        }
      }
      assert.deepEqual(
        sent.map(({ n }) => n),
        [...came.keys()]
      )
      for (const { cameMs, leftMs } of sent) {
        const dueMs = cameMs < 2 * holdMs ? holdMs + cameMs / 2 : cameMs
        assert.ok(leftMs >= dueMs && leftMs <= dueMs + 1, `${cameMs} left at ${leftMs}`)
      }
      assert.equal(
        holds.tick(10_000, () => assert.fail('all have left')),
        Number.POSITIVE_INFINITY
      )
    })
  }

  test('no longer than half a second, whoever asks', () => {
    const holds = new Holds<{ id: number }>()
    const one = flow(1)
    holds.begin(one, 60_000, 0)
    holds.take(one, numbered(1), 0)
    let left = 0
    holds.tick(MAX_HOLD_MS, () => left++)
    assert.equal(left, 1)
  })

  test('a line that is full, and a thousand lines that are together, take no more', () => {
    const holds = new Holds<{ id: number }>()
    const flows = Array.from({ length: 1_000 }, (_, id) => flow(id))
    for (const each of flows) holds.begin(each, 100, 0)
    let held = 0
    for (let i = 0; i <= MAX_HELD; i++) if (holds.take(flows[0]!, numbered(i), 0)) held++
    assert.equal(held, MAX_HELD)
    for (const each of flows.slice(1)) for (let i = 0; i < 100; i++) if (holds.take(each, numbered(i), 0)) held++
    assert.equal(held, MAX_HELD_IN_ALL)
    assert.equal(holds.end(flows[0]!).length, MAX_HELD)
    assert.equal(holds.take(flows[999]!, numbered(1), 0), true)
    for (const each of flows) holds.end(each)
    assert.equal(
      holds.tick(1_000, () => assert.fail('all are over')),
      Number.POSITIVE_INFINITY
    )
  })

  test('of nothing, and what is not held, does nothing', () => {
    const holds = new Holds<{ id: number }>()
    assert.deepEqual(holds.begin(flow(1), 0, 0), [])
    assert.deepEqual([holds.has(flow(1)), holds.take(flow(1), numbered(1), 0), holds.end(flow(1))], [false, false, []])
  })
})
