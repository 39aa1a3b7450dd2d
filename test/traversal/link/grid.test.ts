import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TechniqueName } from '../../../src/traversal/attempt.ts'
import type { ConclusionCode } from '../../../src/traversal/explain.ts'
import { type Met, meet } from './meeting.ts'
import { between, NEIGHBOURS, type Neighbours, PLACE_NAMES, type Place } from './places.ts'

const SEEDS = [1, 2, 3]

const ROUTES: Readonly<Record<string, TechniqueName>> = {
  D: 'direct',
  R: 'reverse',
  L: 'local',
  P: 'punch-quic',
  Q: 'predict',
  B: 'birthday'
}
const RELAYED: Readonly<Record<string, ConclusionCode>> = { v: 'ports-vary', r: 'both-random', u: 'udp-blocked' }

/**
 * By what the side in that row has its path to the one in that column, when it has dialled and when it was dialled: capitals are direct, small letters say
 * why it is relayed. The columns are in the order of the rows. Only UDP is simulated for links: with UDP blocked there is a punch over TCP in the lab.
 */
const GRID: Readonly<Record<Place, string>> = {
  open: 'D P R R R R R R R R R u',
  firewall: 'D P P P P P Q Q B B B u',
  'home, lets all in': 'D P P P P P P P P P P u',
  'home, lets hosts in': 'D P P P P P P P P P P u',
  home: 'D P P P P P Q Q B B B u',
  'home behind a carrier': 'D P P P P P Q Q B B B u',
  'sequential per host': 'D Q P P Q Q Q Q B B B u',
  'sequential per port': 'D Q P P Q Q Q Q v v v u',
  'random per host': 'D B P P B B B v r r r u',
  'random per port': 'D B P P B B B v r r r u',
  'random carrier': 'D B P P B B B v r r r u',
  'UDP blocked': 'u u u u u u u u u u u u'
}

const TOGETHER: Readonly<Record<Neighbours, TechniqueName | ConclusionCode>> = {
  'one home': 'local',
  'one home, hairpin': 'local',
  'one network of random ports': 'local',
  'two homes, one carrier, hairpin': 'punch-quic',
  'two homes, one carrier': 'same-nat',
  'a router behind the router': 'local'
}

function expected(mine: Place, theirs: Place): string {
  const code = GRID[mine].split(' ')[PLACE_NAMES.indexOf(theirs)]!
  return ROUTES[code] ?? RELAYED[code]!
}

function routesOf({ routes, conclusions }: Met): readonly (TechniqueName | ConclusionCode | undefined)[] {
  return conclusions.map((code, side) => (code === 'direct' ? routes[side] : code))
}

function assertMet(met: Met, about: string): void {
  assert.ok(met.carries, `${about}: connected`)
  assert.equal(met.leftovers, 0, `${about}: no timer is left`)
  // whose socket is one of many keeps that one; of the hundred probes that were on their way, some have come through as well
  assert.ok(Math.max(...met.sockets) <= 4, `${about}: ${met.sockets} sockets of techniques are left`)
  if (met.directMs != null) assert.ok(met.directMs < 5_000, `${about}: after ${met.directMs} ms`)
}

describe('two peers meet directly wherever that is possible, and are told why where it is not', () => {
  for (const a of PLACE_NAMES) {
    test(`from '${a}' to each other place`, async () => {
      for (const b of PLACE_NAMES) {
        for (const seed of SEEDS) {
          const about = `${a} to ${b}, seed ${seed}`
          const met = await meet(between(a, b), { seed: seed * 11 })
          assertMet(met, about)
          assert.deepEqual(routesOf(met), [expected(a, b), expected(b, a)], about)
        }
      }
    })
  }
})

describe('peers that have a NAT in common', () => {
  for (const [name, spec] of Object.entries(NEIGHBOURS)) {
    test(name, async () => {
      for (const seed of SEEDS) {
        const met = await meet(spec, { seed: seed * 11 })
        assertMet(met, name)
        const route = TOGETHER[name as Neighbours]
        assert.deepEqual(routesOf(met), [route, route])
      }
    })
  }
})
