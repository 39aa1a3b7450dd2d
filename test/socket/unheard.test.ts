import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSilent, keepUnheard, takeUnheard, UNHEARD } from '../../src/socket/unheard.ts'
import { add, addLink, table } from './flow-table.ts'
import { handshake } from './packets.ts'

const texts = (datagrams: readonly Uint8Array[]) => datagrams.map(each => Buffer.from(each).toString())

describe('what is sent into silence', () => {
  it('is kept for links only, and once they have been silent for a while', () => {
    const flows = table()
    const link = addLink(flows, 'client')
    assert.deepEqual(
      [UNHEARD.silentMs - 1, UNHEARD.silentMs].map(nowMs => isSilent(link, nowMs)),
      [false, true]
    )
    assert.equal(isSilent(add(flows, 'client', 2), UNHEARD.silentMs), false)
  })

  it('is the last few datagrams, as they were, and given once', () => {
    const link = addLink(table(), 'client')
    const bytes = Buffer.from('0')
    for (let i = 0; i < 10; i++) {
      bytes.write(`${i}`)
      keepUnheard(link, bytes)
    }
    assert.deepEqual(texts(takeUnheard(link)), ['2', '3', '4', '5', '6', '7', '8', '9'])
    assert.deepEqual(takeUnheard(link), [])
  })

  it('is of no use any more when something has been heard since', () => {
    const flows = table()
    const link = addLink(flows, 'client')
    keepUnheard(link, Buffer.from('old'))
    flows.received(link, handshake({ to: '00' }), 400)
    assert.deepEqual(takeUnheard(link), [])
    keepUnheard(link, Buffer.from('new'))
    assert.deepEqual(texts(takeUnheard(link)), ['new'])
  })

  it('forgets what was sent into an earlier silence', () => {
    const flows = table()
    const link = addLink(flows, 'client')
    keepUnheard(link, Buffer.from('old'))
    flows.received(link, handshake({ to: '00' }), 400)
    keepUnheard(link, Buffer.from('new'))
    assert.deepEqual(texts(takeUnheard(link)), ['new'])
  })
})
