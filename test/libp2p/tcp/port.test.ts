import assert from 'node:assert/strict'
import test from 'node:test'
import { DialPort } from '../../../src/libp2p/tcp/port.ts'

function setUp() {
  const port = new DialPort()
  let moves = 0
  port.events.on('moved', () => moves++)
  const moved = () => new Promise<void>(resolve => port.events.on('moved', () => resolve()))
  return { port, moved, moves: () => moves }
}

test('one port, however many ask for it at once, and none before', async () => {
  const { port, moves } = setUp()
  assert.deepEqual([port.current, port.sharing], [undefined, undefined])
  const [one, two] = await Promise.all([port.take(), port.take()])
  assert.ok(one! > 1_024)
  assert.deepEqual([two, await port.take(), port.current], [one, one, one])
  assert.deepEqual(port.sharing, { ok: true })
  assert.equal(moves(), 0)
})

test('refused by many dials at once: it moves once, and tells when there is a new one', async () => {
  const { port, moved, moves } = setUp()
  const first = (await port.take())!
  const told = moved()
  for (let i = 0; i < 10; i++) port.refused(first)
  assert.equal(port.current, undefined, 'nothing is observed on a port that is given up')
  const [second, same] = await Promise.all([port.take(), port.take()])
  await told
  assert.equal(second, same)
  assert.notEqual(second, first)
  assert.equal(port.current, second)
  port.refused(first)
  assert.equal(await port.take(), second, 'a late refusal of the old port moves nothing')
  assert.equal(moves(), 1)
})

test('refused again: it moves again', async () => {
  const { port, moves } = setUp()
  const seen = new Set<number | undefined>([await port.take()])
  for (let i = 0; i < 3; i++) {
    port.refused(port.current!)
    seen.add(await port.take())
  }
  assert.ok(!seen.has(undefined))
  assert.equal(moves(), 3)
})
