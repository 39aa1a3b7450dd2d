import assert from 'node:assert/strict'
import test from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Events } from '../../../src/core/events.ts'
import { RELAY_LIMITS, type RelayLimits, type ReservationEvents } from '../../../src/hub/relay/index.ts'
import { Reservations } from '../../../src/hub/relay/reservations.ts'

const peers = await Promise.all([0, 1].map(async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))))
const [alice, bob] = [peers[0]!, peers[1]!]

/** Reservations of ten seconds, and what is told of them: `a+` is granted, `a-` has ended, with the second in which it was. */
function start(limits: Partial<RelayLimits> = {}) {
  let now: RelayLimits = { ...RELAY_LIMITS, reservationTtlSeconds: 10, ...limits }
  const clock = new VirtualClock()
  const events = new Events<ReservationEvents>()
  const told: string[] = []
  const name = (peer: string) => (peer === alice.toString() ? 'a' : 'b')
  events.on('granted', peer => told.push(`${clock.now() / 1_000} ${name(peer)}+`))
  events.on('ended', peer => told.push(`${clock.now() / 1_000} ${name(peer)}-`))
  const reservations = new Reservations(() => now, clock, events)
  const change = (changed: Partial<RelayLimits>) => {
    now = { ...now, ...changed }
  }
  return { clock, told, reservations, change }
}

test('one that is renewed goes on, and one that runs out has ended, though its peer is still connected', async () => {
  const { clock, told, reservations } = start()
  reservations.grant(alice, 'x')
  await clock.advance(5_000)
  reservations.grant(bob, 'x')
  reservations.grant(alice, 'x')
  await clock.advance(9_999)
  assert.deepEqual(told, ['0 a+', '5 b+', '5 a+'])
  await clock.advance(1)
  assert.deepEqual(told.slice(3), ['15 b-', '15 a-'])
  assert.deepEqual([reservations.count, clock.pending], [0, 0])
})

test('one that is dropped has ended, once', async () => {
  const { clock, told, reservations } = start()
  reservations.grant(alice, 'x')
  reservations.drop(alice)
  reservations.drop(alice)
  reservations.drop(bob)
  await clock.advance(60_000)
  assert.deepEqual(told, ['0 a+', '0 a-'])
})

test('one that may not be renewed has ended', () => {
  const { told, reservations, change } = start()
  reservations.grant(alice, 'x')
  change({ maxReservations: 0 })
  assert.match(reservations.grant(alice, 'x')!, /at most 0/)
  assert.match(reservations.grant(bob, 'x')!, /at most 0/)
  assert.deepEqual(told, ['0 a+', '0 a-'])
})

test('a relay that stops says nothing, and has no timer', async () => {
  const { clock, told, reservations } = start()
  reservations.grant(alice, 'x')
  reservations.clear()
  assert.equal(clock.pending, 0)
  await clock.advance(60_000)
  assert.deepEqual(told, ['0 a+'])
  reservations.grant(bob, 'x')
  await clock.advance(10_000)
  assert.deepEqual(told.slice(1), ['60 b+', '70 b-'])
})
