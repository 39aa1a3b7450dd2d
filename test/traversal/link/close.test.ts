import assert from 'node:assert/strict'
import { it } from 'node:test'
import { between } from './places.ts'
import { World } from './world.ts'

it('a link that ends before its first checks have left leaves no timer', async () => {
  using world = new World(between('home', 'home'))
  await world.prepare()
  const { b, sim } = world
  // nothing else is under way
  world.relayIsDead = true
  const before = sim.clock.pending
  b.newLink()
  b.begin(world.a.told)
  assert.ok(sim.clock.pending > before, 'it waits for its answer to get there')
  b.close()
  assert.equal(sim.clock.pending, before)
})
