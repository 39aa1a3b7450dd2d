import assert from 'node:assert/strict'
import test from 'node:test'
import type { Path } from '../../../src/socket/path.ts'
import { checkId, encodeAnswer, encodeRequest } from '../../../src/traversal/paths/checks.ts'
import { keysOf, type Side, twoNats, World } from './world.ts'

/** Who carries the link sees its id and its addresses, and may know the tag of its checks. Not the keys. */
const seen = { ...keysOf('b'), mine: new Uint8Array(32), theirs: new Uint8Array(32) }

/** Forged checks and answers, ten times as many as are read, from there. */
function flood(world: World, victim: Side, from: Path): () => void {
  let number = 1_000_000
  let over = false
  const next = () => {
    if (over) return
    number++
    const id = checkId(0xa, number, new Uint8Array(4))
    const bytes = number % 2 === 0 ? encodeRequest(seen, id) : encodeAnswer(seen, id)
    victim.feed({ type: 'packet', bytes, from })
    world.sim.clock.after(1, next)
  }
  next()
  return () => {
    over = true
  }
}

const stranger: Path = { kind: 'udp', socket: 1, remote: { address: '11.66.0.10', port: 4001 } }

for (const [where, from] of [
  ['from anywhere', () => stranger],
  ['from the address of the path in use', (side: Side) => side.use!],
  ['by the relay', () => ({ kind: 'pipe', pipe: 0 }) as const]
] as const) {
  test(`a flood of forged checks ${where}: an idle link goes on as before, by a path that the flood does not come from`, async () => {
    using world = new World(twoNats())
    await world.prepare()
    await world.connect()
    await world.advance(5_000)
    assert.equal(world.a.route.at(-1), 'direct')
    const stop = flood(world, world.a, from(world.a))
    await world.advance(45_000)
    stop()
    assert.deepEqual([...world.a.ofType('dead'), ...world.b.ofType('dead')], [])
    const kept = where === 'from the address of the path in use' ? ['direct', 'relay'] : ['direct']
    assert.ok(
      kept.includes(world.a.route.at(-1)!) && kept.includes(world.b.route.at(-1)!),
      `${world.a.route} ${world.b.route}`
    )
    await world.advance(30_000)
    assert.deepEqual([world.a.route.at(-1), world.b.route.at(-1)], ['direct', 'direct'])
  })
}
