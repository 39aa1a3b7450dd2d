import assert from 'node:assert/strict'
import test from 'node:test'
import type { AgentEvent } from '../../../src/traversal/paths/api.ts'
import { type Side, twoNats, World } from './world.ts'

/** The switch of `a` takes no address of the other side for as long as that is so. @returns what it was asked for in vain */
function refusing(world: World, isFull: (event: Extract<AgentEvent, { type: 'accept' | 'use' }>) => boolean): string[] {
  const refused: string[] = []
  world.onEvent = (side: Side, event: AgentEvent) => {
    if (side !== world.a || (event.type !== 'accept' && event.type !== 'use') || event.path.kind !== 'udp') return
    if (!isFull(event)) return
    const { type, path } = event
    const validated = type === 'use' || event.validated
    refused.push(`${type}${type === 'accept' && validated ? ' validated' : ''}`)
    world.sim.clock.after(1, () => side.feed({ type: 'refused', path, validated }))
  }
  return refused
}

async function connected(world: World): Promise<void> {
  await world.prepare()
  await world.connect()
}

const pathsOf = (side: Side) => side.ofType('path').map(({ to, reason }) => [to.kind, reason])

test('a path that the switch has no room for is not used; it is tried again when a minute has passed', async () => {
  using world = new World(twoNats())
  let full = true
  const refused = refusing(world, () => full)
  await connected(world)
  await world.advance(55_000)
  assert.deepEqual(pathsOf(world.a).slice(0, 3), [
    ['relay', 'first'],
    ['direct', 'validated'],
    ['relay', 'refused']
  ])
  assert.equal(pathsOf(world.a).length, 3, 'and it does not go to and fro')
  assert.equal(world.a.use?.kind, 'pipe')
  assert.ok(refused.length <= 3 + 55, `${refused.length} times in vain`)
  full = false
  await world.advance(120_000)
  assert.equal(world.a.use?.kind, 'udp')
  assert.deepEqual(pathsOf(world.a).at(-1), ['direct', 'validated'])
})

test('no room for what nobody has answered for delays nothing', async () => {
  using world = new World(twoNats())
  const refused = refusing(world, event => event.type === 'accept' && !event.validated)
  await connected(world)
  await world.advance(1_000)
  assert.ok(refused.length > 0)
  assert.deepEqual(pathsOf(world.a), [
    ['relay', 'first'],
    ['direct', 'validated']
  ])
  const accepted = world.a.ofType('accept').filter(({ path }) => path.kind === 'udp')
  assert.equal(accepted.at(-1)?.validated, true)
})

test('one that is the only path, and is refused, is used as soon as there is room', async () => {
  using world = new World(twoNats())
  await connected(world)
  await world.advance(5_000)
  const [direct] = world.a.ofType('use').slice(-1)
  assert.equal(direct?.path.kind, 'udp')
  for (const side of [world.a, world.b]) side.feed({ type: 'pipe-gone', pipe: 0 })
  world.a.feed({ type: 'refused', path: direct!.path, validated: true })
  const before = world.a.ofType('use').length
  await world.advance(9_900)
  assert.equal(world.a.ofType('use').length, before)
  await world.advance(30_000)
  assert.deepEqual(
    world.a
      .ofType('use')
      .slice(before)
      .map(({ path }) => path),
    [direct!.path]
  )
})
