import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NEIGHBOURS } from './places.ts'
import { World } from './world.ts'

describe('where nothing but the relay is allowed', () => {
  it('all has been tried at once, whatever reports may come', async () => {
    using world = new World(NEIGHBOURS['one home'], { a: { allowed: ['relay'] } })
    await world.prepare()
    world.b.summary.set(undefined)
    await world.connect()
    await world.until(() => world.a.attempts.length > 0, 1_000)
    await world.advance(0)
    assert.deepEqual([world.a.isTried, world.b.isTried], [true, false])
    assert.ok(world.a.settled > 0, 'who waits for that hears of it')
    await world.advance(20_000)
    assert.deepEqual([world.a.route, world.b.route], ['relay', 'relay'])
  })

  it('that is what the explanation says, whatever the networks are', async () => {
    using world = new World(NEIGHBOURS['one home'], { a: { allowed: ['relay'] } })
    await world.prepare()
    await world.connect()
    await world.advance(1_000)
    const { conclusion, help } = world.a.explain()
    assert.deepEqual([conclusion.code, help.map(({ code }) => code)], ['all-skipped', ['allow-techniques']])
  })

  it('but what is allowed waits for reports as ever', async () => {
    using world = new World(NEIGHBOURS['one home'], { a: { allowed: ['relay', 'birthday'] } })
    await world.prepare()
    world.b.summary.set(undefined)
    await world.connect()
    await world.advance(1_000)
    assert.equal(world.a.isTried, false)
  })
})
