import assert from 'node:assert/strict'
import test from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { OtherRelays } from '../../src/node/other-relays.ts'

const [ALICE, BOB, ONE, TWO] = [
  '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu',
  '12D3KooWKRyzVWW6ChFjQjK4miCty85Niy48tpPV95XdKu1BcvMA',
  '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
] as const
const circuit = (relay: string, peer: string, transport = 'udp/4001/quic-v1') =>
  multiaddr(`/ip4/203.0.113.1/${transport}/p2p/${relay}/p2p-circuit/p2p/${peer}`)

test('a relay is left when nobody is gone to by it any more', () => {
  const relays = new OtherRelays()
  relays.note(ALICE, [circuit(ONE, ALICE), circuit(ONE, ALICE, 'tcp/4001'), circuit(TWO, ALICE)])
  relays.note(BOB, [circuit(TWO, BOB)])
  assert.deepEqual(
    relays.leave(ALICE, id => id === BOB),
    [ONE]
  )
  assert.deepEqual(relays.of(ALICE), [])
  assert.deepEqual(
    relays.leave(BOB, () => false),
    [TWO]
  )
  assert.deepEqual(
    relays.leave(BOB, () => false),
    []
  )
})

test('who was looked for in vain keeps no relay', () => {
  const relays = new OtherRelays()
  relays.note(ALICE, [circuit(ONE, ALICE)])
  relays.note(BOB, [circuit(ONE, BOB)])
  assert.deepEqual(
    relays.leave(ALICE, id => id === ALICE),
    [ONE]
  )
})
