import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Cell, Grid } from '../bench/grid/figures.ts'
import { gridPage, routeText } from '../bench/grid/page.ts'
import { gridPicture } from '../bench/grid/picture.ts'
import { NEIGHBOURS, PLACE_NAMES } from './traversal/link/places.ts'

const docs = (name: string) => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8')

const DIRECT: Cell = {
  connects: 3,
  connected: 3,
  direct: 3,
  by: ['birthday'],
  firstByteMs: 230,
  directMs: 1_200,
  relayFirstByteMs: 220
}

describe('docs/grid.md', () => {
  const grid = JSON.parse(docs('grid.json')) as Grid

  test('is what was measured', () => {
    assert.equal(docs('grid.md'), gridPage(grid))
    assert.equal(docs('grid.svg'), gridPicture(grid))
  })

  test('has every place, and all are connected', () => {
    assert.deepEqual(grid.places, PLACE_NAMES)
    assert.deepEqual(
      grid.neighbours.map(({ name }) => name),
      Object.keys(NEIGHBOURS)
    )
    for (const { connects, connected } of [...grid.cells.flat(), ...grid.neighbours]) {
      assert.ok(connects > 0 && connected === connects)
    }
  })

  test('a pair that is direct now and then says how often', () => {
    assert.equal(routeText(DIRECT), 'birthday 1200')
    assert.equal(routeText({ ...DIRECT, direct: 2 }), 'birthday 1200 (2 of 3)')
    const relayed = { ...DIRECT, direct: 0, by: ['both-random'], directMs: null }
    assert.equal(routeText(relayed), '*both-random*')
  })
})
