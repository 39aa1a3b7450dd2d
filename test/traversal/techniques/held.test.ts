import assert from 'node:assert/strict'
import test from 'node:test'
import type { RouterSpec } from '../../../src/sim/index.ts'
import type { Technique } from '../../../src/traversal/technique.ts'
import { birthday } from '../../../src/traversal/techniques/birthday.ts'
import { predict } from '../../../src/traversal/techniques/predict.ts'
import { World } from './world.ts'

const RANDOM: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'random' }
const PER_PORT: RouterSpec = { mapping: 'address-and-port-dependent', allocation: 'sequential' }
const PER_HOST: RouterSpec = { mapping: 'address-dependent', allocation: 'sequential' }
const EASY: RouterSpec = { mapping: 'endpoint-independent' }

const PARTS: readonly (readonly [string, Technique, RouterSpec, RouterSpec])[] = [
  ['birthday, opening', birthday, RANDOM, EASY],
  ['birthday, searching', birthday, EASY, RANDOM],
  ['predict, searching', predict, EASY, PER_PORT],
  ['predict, searching by a mapping of its own', predict, PER_HOST, PER_PORT],
  ['predict, meeting', predict, PER_PORT, PER_PORT]
]

for (const [name, technique, a, b] of PARTS) {
  test(`${name}: who may send nothing says so, and does not pass for silent`, async () => {
    using world = new World(a, b, { seed: 5, relayMs: 300 })
    await world.prepare()
    world.a.allows = () => false
    const [mine, theirs] = await world.meet(technique)
    assert.deepEqual(
      [mine.reason, theirs.reason, theirs.detail],
      ['limit', 'refused', 'the other side has given up: limit']
    )
    assert.equal(await world.leftovers(), 0)
  })
}
