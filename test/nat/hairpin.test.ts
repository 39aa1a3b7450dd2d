import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hairpin } from '../../src/nat/hairpin.ts'

const to = { address: '203.0.113.1', port: 5_000 }
const other = { address: '203.0.113.1', port: 6_000 }
const bytes = Uint8Array.of(1, 2, 3)
const expected = new Uint8Array(12).fill(7)
const packet = (id: number, length = 20) => new Uint8Array(length).fill(id)
const make = () => new Hairpin({ to, bytes, expected, waitMs: 200 })

describe('one half of a hairpin test', () => {
  test('sends twice, and gives up', () => {
    const machine = make()
    assert.deepEqual(machine.step(1_000, { type: 'start' }), { send: [{ bytes, to }], wakeAtMs: 1_100 })
    assert.deepEqual(machine.step(1_050, { type: 'tick' }), { wakeAtMs: 1_100 })
    assert.deepEqual(machine.step(1_100, { type: 'tick' }), { send: [{ bytes, to }], wakeAtMs: 1_200 })
    assert.deepEqual(machine.step(1_200, { type: 'tick' }), { done: true })
  })

  test("the other's packet is known by its transaction id, whoever it seems to come from", () => {
    const machine = make()
    machine.step(0, { type: 'start' })
    for (const from of [other, to]) {
      assert.deepEqual(machine.step(10, { type: 'packet', bytes: packet(8), from }), { wakeAtMs: 100 })
      assert.deepEqual(machine.step(10, { type: 'packet', bytes: packet(7, 19), from }), { wakeAtMs: 100 })
    }
    assert.deepEqual(machine.step(20, { type: 'packet', bytes: packet(7), from: other }), {
      events: ['arrived'],
      done: true
    })
  })

  test('cancelled', () => assert.deepEqual(make().step(0, { type: 'cancel' }), { done: true }))
})
