import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { hear, MAX_UNHEARD, Mailbox, newHeard } from '../../src/socket/mailbox.ts'
import type { PlaneEvent, PlaneReply } from '../../src/socket/plane.ts'
import { stun } from './packets.ts'
import { PLANES, setUp as setUpSwitch, until } from './planes.ts'

const STUN: PlaneEvent = { event: 'stun', socket: 1, from: { address: '192.0.2.1', port: 9 }, bytes: stun() }

function setUp() {
  const heard = newHeard()
  const told: (PlaneEvent | PlaneReply)[] = []
  const counts = { dropped: 0 }
  const mailbox = new Mailbox({ postMessage: message => told.push(message) }, heard, () => counts.dropped++)
  return { heard, told, counts, mailbox }
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
