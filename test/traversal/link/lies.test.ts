import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BUDGET } from '../../../src/traversal/link/budget.ts'
import type { NetworkSummary, TransportSummary } from '../../../src/wire/summary.ts'
import { between, type Place } from './places.ts'
import { World } from './world.ts'

type Lie = (truth: NetworkSummary, other: NetworkSummary) => NetworkSummary

const udp =
  (changes: Partial<TransportSummary>): Lie =>
  truth => ({ ...truth, udp4: { ...truth.udp4, ...changes } })
const OPEN = udp({ translated: false, filtering: 'endpoint-independent' })
const PUBLIC: Lie = (...both) => ({ ...OPEN(...both), reachability: 'public' })
const RANDOM = udp({ mapping: 'address-and-port-dependent', allocation: 'random' })
const SEQUENTIAL = udp({ mapping: 'address-and-port-dependent', allocation: 'sequential', step: 1 })
const BLOCKED = udp({ ok: false, translated: null, mapping: null, filtering: null, allocation: null })
const ALIKE: Lie = (truth, { publicAddresses }) => ({ ...truth, publicAddresses })

/** One side is what it says, the other one lies: what that costs, and whom. */
async function lied(honest: Place, liar: Place, lie: Lie, dials: 'liar' | 'honest') {
  const world = new World(dials === 'liar' ? between(liar, honest) : between(honest, liar))
  await world.prepare()
  const [good, bad] = dials === 'liar' ? [world.b, world.a] : [world.a, world.b]
  bad.summary.set(lie(bad.summary.value!, good.summary.value!))
  const before = good.network.sent
  await world.connect()
  await world.advance(60_000)
  return { world, good, bad, packets: good.network.sent - before }
}

for (const dials of ['liar', 'honest'] as const) {
  describe(`a report that lies, where the ${dials === 'liar' ? 'one who lies' : 'other one'} has dialled`, () => {
    for (const [what, lie, route] of [
      ['is public, and is not', PUBLIC, 'punch-quic'],
      ['is in our network, and is not', ALIKE, 'relay'],
      ['has random ports, and has not', RANDOM, 'birthday'],
      ['has ports in sequence, and has not', SEQUENTIAL, 'relay'],
      ['gets no UDP through, and does', BLOCKED, 'relay']
    ] as const) {
      it(`that it ${what}`, async () => {
        const { world, good, packets } = await lied('home', 'home', lie, dials)
        using _ = world
        assert.ok(await world.carries(), 'connected all the same')
        assert.equal(good.route, route)
        // an attempt, and another one after half a minute with what has come back of the host's share
        assert.ok(packets < BUDGET.perHost.burst + 60_000 / BUDGET.perHost.refillMs + 100, `${packets} packets`)
        assert.ok(good.network.open <= 2)
        assert.equal(await world.leftovers(), 0)
      })
    }

    it('that it has random ports: what is sent goes to addresses that it has signed for as its own', async () => {
      const { world, good, bad } = await lied('home', 'UDP blocked', RANDOM, dials)
      using _ = world
      assert.equal(good.route, 'relay')
      const strangers = [...good.network.hosts].filter(address => !world.hub.ips.includes(address))
      assert.ok(strangers.every(address => bad.candidates.value.some(each => each.address === address)))
      assert.equal(await world.leftovers(), 0)
    })

    it('that all is easy, and nothing is: it is tried, and ends', async () => {
      const easy = udp({ mapping: 'endpoint-independent', filtering: 'endpoint-independent', allocation: 'preserving' })
      const { world, good, packets } = await lied('random per port', 'random per port', easy, dials)
      using _ = world
      assert.equal(good.route, 'relay')
      assert.ok(good.isTried)
      assert.ok(packets < BUDGET.perHost.burst)
      assert.equal(good.network.open, 1)
    })
  })
}
