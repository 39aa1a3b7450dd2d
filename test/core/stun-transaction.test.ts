import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import { type DatagramNet, drive, type Endpoint } from '../../src/core/machine.ts'
import { seededRandom } from '../../src/core/random.ts'
import {
  type StunOutcome,
  StunTransaction,
  type StunTransactionInit,
  stunRequest
} from '../../src/core/stun-transaction.ts'
import { decodeStun, encodeStun, type StunAttribute, type StunMessage } from '../../src/wire/stun/index.ts'

const server: Endpoint = { address: '192.0.2.1', port: 3478 }
const stranger: Endpoint = { address: '192.0.2.2', port: 3478 }
const request = stunRequest(seededRandom(1))
const mapped: StunAttribute = { type: 'XOR-MAPPED-ADDRESS', address: '203.0.113.1', port: 4001 }

const answer = (change: Partial<StunMessage> = {}, to: Uint8Array = request) =>
  encodeStun({ ...decodeStun(to), class: 'success', attributes: [mapped], ...change })

function start(init: Partial<StunTransactionInit> = {}) {
  const clock = new VirtualClock()
  const sent: { atMs: number; bytes: Uint8Array; to: Endpoint }[] = []
  const events: (StunOutcome & { atMs: number })[] = []
  let hear: (bytes: Uint8Array, from: Endpoint) => void = () => {}
  const net: DatagramNet = {
    send: datagram => sent.push({ atMs: clock.now(), ...datagram }),
    onPacket(listener) {
      hear = listener
      return () => {
        hear = () => {}
      }
    }
  }
  const machine = new StunTransaction({ to: server, request, ...init })
  const driven = drive(machine, net, clock, event => events.push({ atMs: clock.now(), ...event }))
  const arrive = (bytes: Uint8Array, from: Endpoint = server) => hear(bytes, from)
  return { clock, sent, events, driven, arrive, machine }
}

test('the schedule of RFC 8489: seven sends, and 39.5 seconds', async () => {
  const { clock, sent, events, driven } = start()
  await clock.advance(60_000)
  await driven.ended
  assert.deepEqual(
    sent.map(({ atMs }) => atMs),
    [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]
  )
  assert.ok(sent.every(({ bytes, to }) => bytes === request && to === server))
  assert.deepEqual(events, [{ atMs: 39_500, type: 'failed', reason: 'timeout', sends: 7 }])
  assert.equal(clock.pending, 0)
})

test('a schedule of its own', async () => {
  const { clock, sent, events } = start({ schedule: { rtoMs: 100, sends: 3, lastWaits: 2 } })
  await clock.advance(1_000)
  assert.deepEqual(
    sent.map(({ atMs }) => atMs),
    [0, 100, 300]
  )
  assert.equal(events[0]?.atMs, 500)
})

test('an answer ends it, with the time since the last sending', async () => {
  const { clock, sent, events, arrive, machine } = start()
  await clock.advance(520)
  arrive(answer())
  await clock.advance(60_000)
  const response = decodeStun(answer())
  assert.deepEqual(events, [{ atMs: 520, type: 'answered', response, from: server, rttMs: 20, sends: 2 }])
  assert.deepEqual([sent.length, clock.pending, machine.done], [2, 0, true])
})

test('an error is an answer too', () => {
  const { events, arrive } = start()
  arrive(answer({ class: 'error', attributes: [{ type: 'ERROR-CODE', code: 420, reason: 'Unknown Attribute' }] }))
  assert.deepEqual(
    events.map(event => event.type === 'refused' && event.code),
    [420]
  )
})

test('an answer that must be understood and is not ends it as a failure', () => {
  const { events, arrive } = start()
  arrive(answer({ attributes: [mapped, { type: 'unknown', code: 0x7abc, value: new Uint8Array(4) }] }))
  assert.deepEqual(events, [{ atMs: 0, type: 'failed', reason: 'unknown-attributes', sends: 1 }])
})

for (const [what, bytes, from] of [
  ['from somebody else', answer(), stranger],
  ['from another port', answer(), { ...server, port: 3479 }],
  ['with another transaction id', answer({ transactionId: new Uint8Array(12) }), server],
  ['of another method', answer({ method: 'allocate' }), server],
  ['that is our own request', request, server],
  ['that is an indication', answer({ class: 'indication' }), server],
  ['that is cut', answer().subarray(0, 28), server],
  ['that is nothing', new Uint8Array(0), server]
] as const) {
  test(`no answer: one ${what}`, async () => {
    const { clock, sent, events, arrive } = start()
    arrive(bytes, from)
    await clock.advance(500)
    assert.deepEqual([events.length, sent.length], [0, 2])
    arrive(answer())
    assert.equal(events[0]?.type, 'answered')
  })
}

test('where another of the server may answer, and only there', () => {
  const { events, arrive } = start({ from: ({ address, port }) => address === stranger.address && port === 3479 })
  arrive(answer(), server)
  arrive(answer(), stranger)
  assert.equal(events.length, 0)
  arrive(answer(), { ...stranger, port: 3479 })
  assert.deepEqual(
    events.map(event => event.type === 'answered' && event.from.port),
    [3479]
  )
})

test('one address in two spellings is one address', () => {
  const { events, arrive } = start({ to: { address: '2001:db8:0:0::1', port: 3478 } })
  arrive(answer(), { address: '2001:db8::1', port: 3478 })
  assert.equal(events.length, 1)
})

test('cancelled, it sends no more', async () => {
  const { clock, sent, events, driven, arrive } = start()
  driven.cancel()
  arrive(answer())
  await clock.advance(60_000)
  assert.deepEqual([sent.length, events.length, clock.pending], [1, 0, 0])
})

test('ticks that come early change nothing', () => {
  const { machine } = start()
  assert.deepEqual(machine.step(499, { type: 'tick' }), { wakeAtMs: 500 })
  assert.equal(machine.step(500, { type: 'tick' }).send?.length, 1)
})

test('a request has an id of its own and a fingerprint', () => {
  const random = seededRandom(2)
  const [first, second] = [
    stunRequest(random, { type: 'CHANGE-REQUEST', changeIp: true, changePort: true }),
    stunRequest(random)
  ]
  assert.notDeepEqual(decodeStun(first).transactionId, decodeStun(second).transactionId)
  assert.deepEqual(
    decodeStun(first).attributes.map(({ type }) => type),
    ['CHANGE-REQUEST', 'FINGERPRINT']
  )
})
