import assert from 'node:assert/strict'
import test from 'node:test'
import { NAT, SYMMETRIC, twoNats, World } from './world.ts'

const OPEN = { ...NAT, filtering: 'endpoint-independent' }
const MINUTE_MS = 60_000

// silences that are longer than the mapping lives, and shorter than keepalives would like to be
for (const everyMs of [65_000, 70_000, 100_000]) {
  test(`a NAT that maps by destination and forgets after a minute, a packet every ${everyMs / 1_000} s: other ports until it is learned, not for ever`, async () => {
    using world = new World(twoNats(OPEN, { ...SYMMETRIC, mappingLifetimeSeconds: 60 }))
    await world.prepare()
    await world.connect()
    const idle = async (minutes: number) => {
      for (let leftMs = minutes * MINUTE_MS; leftMs > 0; leftMs -= everyMs) {
        await world.advance(everyMs)
        world.b.say()
      }
    }
    await idle(60)
    const before = world.a.route.length
    await idle(120)
    // now and then it is tried whether mappings live longer by now
    assert.ok(world.a.route.length - before <= 8, `${world.a.route.length - before} changes of path in two hours`)
  })
}

test('the same, where the side behind it decides and is the one that speaks: it learns from the port that the other side sees', async () => {
  using world = new World(twoNats({ ...SYMMETRIC, mappingLifetimeSeconds: 60 }, OPEN))
  await world.prepare()
  await world.connect()
  const changes = async (packets: number) => {
    const before = world.b.route.length
    for (let i = 0; i < packets; i++) {
      await world.advance(70_000)
      world.a.say()
    }
    return world.b.route.length - before
  }
  const learning = await changes(50)
  const later = await changes(100)
  assert.ok(learning > 0 && later <= 8, `${learning} changes of path in the first hour, ${later} in the next two`)
})
