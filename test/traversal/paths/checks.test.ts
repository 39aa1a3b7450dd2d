import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import {
  checkId,
  checkNumber,
  checkTarget,
  encodeAnswer,
  encodeRequest,
  readCheck
} from '../../../src/traversal/paths/checks.ts'
import { ReplayWindow } from '../../../src/traversal/paths/replay.ts'
import { decodeStun, encodeStun } from '../../../src/wire/stun/index.ts'
import { keysOf } from './world.ts'

const [a, b] = [keysOf('a'), keysOf('b')]
const id = checkId(0xa1b2c3d4, 7, Uint8Array.of(1, 2, 3, 4))

test('a check and its answer are read by the side that they are for', () => {
  const request = encodeRequest(a, id, 0xfffffffe)
  assert.deepEqual(readCheck(request, b), { type: 'request', id, nomination: 0xfffffffe })
  assert.deepEqual(readCheck(encodeRequest(a, id), b), { type: 'request', id, nomination: undefined })
  const answer = readCheck(encodeAnswer(b, id, { address: '192.0.2.1', port: 9 }), a)
  assert.ok(answer?.type === 'answer' && answer.mapped?.address === '192.0.2.1' && answer.mapped.port === 9)
  assert.deepEqual(readCheck(encodeAnswer(b, id), a), { type: 'answer', id, mapped: undefined })
  assert.equal(checkNumber(id), 7)
})

test('what each side sends, nobody else could have, nor sends back to it', () => {
  const request = encodeRequest(a, id, 1)
  const answer = encodeAnswer(b, id)
  assert.equal(readCheck(request, a), undefined)
  assert.equal(readCheck(answer, b), undefined)
  // an answer to a check of B's is signed with B's key
  assert.equal(readCheck(encodeAnswer(a, id), a), undefined)
  for (const bytes of [request, answer]) {
    const reader = bytes === request ? b : a
    for (let at = 0; at < bytes.length; at++) {
      const forged = bytes.slice()
      forged[at]! ^= 1
      assert.equal(readCheck(forged, reader), undefined, `byte ${at}`)
    }
  }
})

test('without integrity, with SHA-1 only, or without a fingerprint it is none', () => {
  const { attributes } = decodeStun(encodeRequest(a, id))
  const message = { class: 'request', method: 'binding', transactionId: id, attributes } as const
  const key = a.mine
  assert.equal(readCheck(encodeStun(message, { fingerprint: true }), b), undefined)
  assert.equal(readCheck(encodeStun(message, { fingerprint: true, integrity: { key, hash: 'sha1' } }), b), undefined)
  assert.equal(readCheck(encodeStun(message, { integrity: { key, hash: 'sha256' } }), b), undefined)
  assert.ok(readCheck(encodeStun(message, { fingerprint: true, integrity: { key, hash: 'sha256' } }), b))
})

test('whom a message concerns is told without reading it', () => {
  assert.deepEqual(checkTarget(encodeRequest(a, id)), { link: a.link })
  assert.deepEqual(checkTarget(encodeAnswer(b, id)), { tag: 0xa1b2c3d4 })
  const other = encodeStun(
    {
      class: 'request',
      method: 'binding',
      transactionId: id,
      attributes: [{ type: 'SOFTWARE', value: 'another STUN client' }]
    },
    { fingerprint: true }
  )
  assert.equal(checkTarget(other), undefined)
  const random = seededRandom(1)
  for (let i = 0; i < 10_000; i++) {
    const bytes = random.bytes(random.int(0, 120))
    bytes.set([0, random.int(0, 2)].slice(0, bytes.length))
    checkTarget(bytes)
    assert.equal(readCheck(bytes, a), undefined)
  }
})

test('each number counts once, in any order, unless a thousand have passed it', () => {
  const window = new ReplayWindow()
  const random = seededRandom(2)
  const numbers = Array.from({ length: 5_000 }, (_, i) => i)
  // nobody is more than 400 late
  for (let i = 0; i < numbers.length; i++) {
    const j = Math.min(numbers.length - 1, i + random.int(0, 400))
    const [x, y] = [numbers[i]!, numbers[j]!]
    if (Math.abs(x - j) < 500 && Math.abs(y - i) < 500) [numbers[i], numbers[j]] = [y, x]
  }
  assert.ok(numbers.every(number => window.take(number)))
  assert.ok(numbers.every(number => !window.take(number)))
  assert.ok(window.take(1_000_000))
  assert.ok(!window.take(1_000_000 - 1_024) && window.take(1_000_000 - 1_023))
  assert.ok(window.take(0xffffffff) && !window.take(0xffffffff) && window.take(0xffffffff - 5))
})
