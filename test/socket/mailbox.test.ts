import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { newCounts } from '../../src/socket/counts.ts'
import { countUnheard, hear, MAX_UNHEARD, MAX_UNHEARD_BYTES, Mailbox, newHeard } from '../../src/socket/mailbox.ts'
import type { PlaneEvent, PlaneReply } from '../../src/socket/plane.ts'
import { frame } from '../../src/wire/datagrams.ts'
import { stun } from './packets.ts'
import { PLANES, setUp as setUpSwitch, until } from './planes.ts'

const STUN: PlaneEvent = { event: 'stun', socket: 1, from: { address: '192.0.2.1', port: 9 }, bytes: stun() }

function setUp() {
  const heard = newHeard()
  const told: (PlaneEvent | PlaneReply)[] = []
  const counts = { dropped: 0 }
  const transferred: ArrayBuffer[] = []
  const postMessage = (message: PlaneEvent | PlaneReply, transfer: readonly ArrayBuffer[] = []) => {
    told.push(message)
    transferred.push(...transfer)
  }
  const mailbox = new Mailbox({ postMessage }, heard, () => counts.dropped++)
  return { heard, told, counts, mailbox, transferred }
}

describe('what the main thread is told', () => {
  test('STUN that it has not heard of is bounded, and what it has heard makes room', () => {
    const { heard, told, counts, mailbox } = setUp()
    for (let i = 0; i < 10 * MAX_UNHEARD; i++) mailbox.post(STUN)
    assert.deepEqual([told.length, counts.dropped], [MAX_UNHEARD, 9 * MAX_UNHEARD])
    hear(heard, STUN)
    mailbox.post(STUN)
    mailbox.post(STUN)
    assert.deepEqual([told.length, counts.dropped], [MAX_UNHEARD + 1, 9 * MAX_UNHEARD + 1])
  })

  test('what pipes are to carry is bounded by its bytes, apart from STUN, and handed over, not copied', () => {
    const { heard, told, counts, mailbox, transferred } = setUp()
    const pipe = (): PlaneEvent => ({ event: 'pipe', pipe: 1, bytes: new Uint8Array(64 * 1024) })
    const most = MAX_UNHEARD_BYTES / (64 * 1024)
    for (let i = 0; i < most + 10; i++) mailbox.post(pipe())
    assert.deepEqual([told.length, transferred.length, counts.dropped], [most, most, 10])
    mailbox.post(STUN)
    assert.equal(told.length, most + 1)
    hear(heard, pipe())
    mailbox.post(pipe())
    mailbox.post(pipe())
    assert.deepEqual([told.length, counts.dropped], [most + 2, 11])
  })

  test('the count of bytes goes round without an end', () => {
    const { heard, told, counts, mailbox } = setUp()
    const pipe: PlaneEvent = { event: 'pipe', pipe: 1, bytes: new Uint8Array(MAX_UNHEARD_BYTES) }
    for (let i = 0; i < 2_100; i++) {
      mailbox.post(pipe)
      hear(heard, pipe)
    }
    assert.deepEqual([told.length, counts.dropped], [2_100, 0])
  })

  test('what was not told is counted: STUN by the message, pipes by the datagram', () => {
    const counts = newCounts()
    countUnheard(counts, STUN)
    const bytes = new Uint8Array([...frame(Uint8Array.of(1, 2)), ...frame(Uint8Array.of(3))])
    countUnheard(counts, { event: 'pipe', pipe: 1, bytes })
    assert.deepEqual([counts.droppedStun, counts.droppedPipe], [1, 2])
  })

  test('everything else is told', () => {
    const { told, mailbox } = setUp()
    for (let i = 0; i < 2 * MAX_UNHEARD; i++) mailbox.post(STUN)
    const others: (PlaneEvent | PlaneReply)[] = [
      { event: 'gone', flow: 1, loopbackPort: 2 },
      { id: 1, value: null }
    ]
    for (const each of others) mailbox.post(each)
    assert.deepEqual(told.slice(MAX_UNHEARD), others)
  })
})

for (const { kind, skip } of PLANES) {
  test(`${kind}: a main thread that listens hears all STUN, however much it is`, { skip }, async t => {
    const { packetSwitch, port, peer } = await setUpSwitch(t, kind)
    let heard = 0
    packetSwitch.events.on('stun', () => heard++)
    // as many as the system's smallest receive buffer holds
    for (let sent = 0; sent < 3 * MAX_UNHEARD; ) {
      for (let i = 0; i < 64; i++, sent++) peer.send(stun(), port)
      await until(
        () => heard,
        count => count === sent
      )
    }
    const stats = await packetSwitch.stats()
    assert.deepEqual([stats.stun, stats.droppedStun], [3 * MAX_UNHEARD, 0])
  })
}
