import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { readChannel } from '../../../src/hub/store/redis-keys.ts'
import { readKept, readNews } from '../../../src/hub/store/redis-value.ts'

const LINE = '1 7 0 1 100 200 hub-a,hub-b\nenvelope\n'

test('what is kept is read', () => {
  const kept = readKept('peer', Buffer.from(LINE))
  assert.deepEqual(kept, {
    record: {
      peer: 'peer',
      seq: 7,
      envelope: new Uint8Array(Buffer.from('envelope\n')),
      left: false,
      expiresMs: 100,
      forgetMs: 200
    },
    free: true,
    holders: ['hub-a', 'hub-b']
  })
  assert.equal(readNews('peer', Buffer.from(LINE))?.record?.seq, 7)
  assert.deepEqual(readNews('peer', Buffer.from('0 7')), { seq: 7 })
})

test('whatever the bytes are, they are a record or nothing', () => {
  const random = seededRandom(7)
  const line = Buffer.from(LINE)
  let read = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(line.subarray(0, random.int(0, line.length)))
    for (let changes = random.int(0, 3); changes > 0 && bytes.length > 0; changes--) {
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
    }
    const kept = readKept('peer', bytes)
    const news = readNews('peer', bytes)
    if (kept != null) {
      read++
      assert.ok(Number.isSafeInteger(kept.record.seq))
      assert.deepEqual(news, { seq: kept.record.seq, record: kept.record })
    }
  }
  assert.ok(read > 1_000 && read < 19_000)
  for (const value of [null, undefined, 7, 'text', [], {}]) assert.equal(readKept('peer', value), undefined)
})

test('channels of others are none', () => {
  assert.deepEqual(readChannel('beeline:news:peer'), { kind: 'news', of: 'peer' })
  assert.deepEqual(readChannel('beeline:call:hub'), { kind: 'call', of: 'hub' })
  for (const channel of ['', 'beeline:news:', 'beeline:other:x', 'xbeeline:news:x']) {
    assert.equal(readChannel(channel), undefined)
  }
})
