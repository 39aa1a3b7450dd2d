import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Circuits } from '../../../src/hub/relay/circuits.ts'
import { limitsOf, RELAY_LIMITS, type RelayLimits } from '../../../src/hub/relay/limits.ts'
import { Reservations } from '../../../src/hub/relay/reservations.ts'

const peer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [ALICE, BOB, CAROL] = [await peer(), await peer(), await peer()]

describe('limits', () => {
  it('those that are not given are the usual ones', () => {
    assert.deepEqual(limitsOf(), RELAY_LIMITS)
    assert.deepEqual(limitsOf({ maxCircuits: 5 }), { ...RELAY_LIMITS, maxCircuits: 5 })
  })

  const rows: ReadonlyArray<readonly [limits: Record<string, unknown>, message: RegExp]> = [
    [{ maxPeers: 1 }, /no limits\.maxPeers: there are maxReservations, /],
    [{ constructor: 1 }, /no limits\.constructor/],
    [{ maxReservations: -1 }, /limits\.maxReservations is a whole number from 0/],
    [{ maxReservations: '10' }, /limits\.maxReservations/],
    [{ maxCircuits: 1.5 }, /limits\.maxCircuits/],
    [{ maxCircuitsFrom: 0 }, /limits\.maxCircuitsFrom is a whole number from 1/],
    [{ reservationTtlSeconds: 59 }, /from 60 to 86400/],
    [{ bytesPerSecond: 9_999 }, /limits\.bytesPerSecond is a whole number from 10000.*or 0 for no limit/],
    [{ peerBytesPerSecond: null }, /limits\.peerBytesPerSecond/],
    [{ circuitBytes: Number.POSITIVE_INFINITY }, /limits\.circuitBytes/]
  ]
  for (const [limits, message] of rows) {
    it(`refused: ${JSON.stringify(limits)}`, () =>
      assert.throws(() => limitsOf(limits), { code: 'BAD_OPTION', message }))
  }
})

describe('reservations', () => {
  const reservations = (limits: Partial<RelayLimits>, clock = new VirtualClock()) =>
    new Reservations(() => limitsOf(limits), clock)

  it('beyond those in all are refused, with the limit; a renewal has its place', () => {
    const held = reservations({ maxReservations: 1 })
    assert.equal(held.grant(ALICE, '192.0.2.1'), undefined)
    assert.match(String(held.grant(BOB, '192.0.2.2')), /^it keeps at most 1 at once$/)
    assert.equal(held.grant(ALICE, '192.0.2.1'), undefined)
    assert.deepEqual([held.has(ALICE), held.has(BOB)], [true, false])
  })

  it('beyond those of one address are refused; other addresses have theirs, and who moves takes its own along', async () => {
    const clock = new VirtualClock()
    const held = reservations({ maxReservationsFrom: 1, reservationTtlSeconds: 60 }, clock)
    assert.equal(held.grant(ALICE, '192.0.2.1'), undefined)
    assert.match(String(held.grant(BOB, '192.0.2.1')), /^it keeps at most 1 at once for peers of one address$/)
    assert.equal(held.grant(BOB, '192.0.2.2'), undefined)
    assert.equal(held.grant(ALICE, '192.0.2.3'), undefined)
    assert.equal(held.grant(CAROL, '192.0.2.1'), undefined)
    held.drop(BOB)
    assert.equal(held.grant(BOB, '192.0.2.2'), undefined)
    await clock.advance(61_000)
    assert.equal(held.count, 0)
    assert.equal(held.grant(BOB, '192.0.2.1'), undefined)
  })
})

describe('relayed connections', () => {
  const taken = (circuits: Circuits, from: string, to: string) => {
    const place = circuits.take(from, to)
    return 'refusal' in place ? place.refusal : 'taken'
  }
  const rows: ReadonlyArray<readonly [Partial<RelayLimits>, refusal: RegExp, other: readonly [string, string]]> = [
    [{ maxCircuits: 2 }, /^it carries at most 2 at once in all$/, ['carol', 'dave']],
    [{ maxCircuitsFrom: 2 }, /^it carries at most 2 at once that one peer has made$/, ['alice', 'dave']],
    [{ maxCircuitsTo: 2 }, /^it carries at most 2 at once to one peer$/, ['dave', 'bob']]
  ]
  for (const [limits, refusal, [from, to]] of rows) {
    it(`${Object.keys(limits)}: the third is refused, with the limit, until one of them has ended`, () => {
      const circuits = new Circuits(() => limitsOf(limits))
      const first = circuits.take('alice', 'bob')
      assert.equal(taken(circuits, 'alice', 'bob'), 'taken')
      assert.match(taken(circuits, from, to), refusal)
      assert.ok('release' in first)
      first.release()
      first.release()
      assert.equal(taken(circuits, from, to), 'taken')
      assert.match(taken(circuits, from, to), refusal)
    })
  }
})
