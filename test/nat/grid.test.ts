import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import { type Examined, examine } from '../../src/nat/examine.ts'
import { createSim, type Sim } from '../../src/sim/index.ts'
import type { SimSpec } from '../../src/sim/spec.ts'
import { stunServer } from './stun-server.ts'

/** A hub with two addresses, and alice, who examines her network. */
async function examined(
  spec: SimSpec,
  seed = 1
): Promise<{ report: Examined; sim: Sim; requests: number; tookMs: number }> {
  using sim = createSim({ hub: { addresses: 2 }, ...spec }, { seed })
  const counted = await stunServer(sim.host('hub'))
  const startMs = sim.clock.now()
  const servers = [{ address: sim.host('hub').ip, port: 4001 }]
  const report = await sim.run(examine({ host: sim.host('alice'), servers }))
  const tookMs = sim.clock.now() - startMs
  sim.close()
  assert.equal(sim.clock.pending, 0, 'no timer is left')
  return { report, sim, requests: counted.requests, tookMs }
}

const ALLOCATIONS = [
  { allocation: 'preserving' },
  { allocation: 'sequential' },
  { allocation: 'sequential', step: 2 },
  { allocation: 'sequential', step: -3 },
  { allocation: 'random' },
  { allocation: 'random', parity: true }
] as const

describe('every NAT is told for what it is', () => {
  for (const mapping of DEPENDENCES) {
    for (const filtering of DEPENDENCES) {
      test(`${mapping} mapping, ${filtering} filtering: each allocation, with and without hairpinning`, async () => {
        for (const [index, how] of ALLOCATIONS.entries()) {
          for (const hairpin of [false, true]) {
            const nat = { mapping, filtering, hairpin, ...how, link: { delayMs: 10 } }
            const { report } = await examined({ nat, alice: { behind: 'nat' } }, index + 1)
            const { udp4, natLayers } = report
            const about = JSON.stringify({ ...how, hairpin })
            assert.deepEqual(
              { mapping: udp4.mapping, filtering: udp4.filtering, hairpin: udp4.hairpin, natLayers },
              { mapping, filtering, hairpin, natLayers: 1 },
              about
            )
            assert.equal(udp4.portAllocation, how.allocation, about)
            assert.equal(udp4.portStep, how.allocation === 'sequential' ? ('step' in how ? how.step : 1) : null, about)
            // a port that is kept keeps its parity; those of a dependent mapping's further destinations are taken, so it is not
            if (how.allocation === 'preserving')
              assert.equal(udp4.portParity, mapping === 'endpoint-independent', about)
            if ('parity' in how) assert.equal(udp4.portParity, true, about)
            assert.equal(udp4.translated, true)
            assert.equal(udp4.local, '192.168.2.10')
            assert.match(udp4.public ?? '', /^11\.2\.0\.10:/)
            assert.deepEqual(udp4.unknowns.map(({ what }) => what).sort(), ['mappingLifetimeSeconds', 'pathMtu'])
          }
        }
      })
    }
  }

  test('TCP: the mapping as far as one port of each address tells', async () => {
    const rows = [
      ['endpoint-independent', 'endpoint-independent', ['endpoint-independent']],
      ['address-dependent', null, ['address-dependent', 'address-and-port-dependent']],
      ['address-and-port-dependent', null, ['address-dependent', 'address-and-port-dependent']]
    ] as const
    for (const [mapping, verdict, possible] of rows) {
      const { report } = await examined({ nat: { mapping, allocation: 'random' }, alice: { behind: 'nat' } })
      assert.equal(report.tcp4.mapping, verdict)
      assert.deepEqual(report.tcp4.mappingPossible, possible)
      assert.equal(report.tcp4.portAllocation, 'random')
    }
  })
})

describe('what is asked, and how long it takes', () => {
  const easy = { mapping: 'endpoint-independent', filtering: 'endpoint-independent', hairpin: true } as const
  const hard = { mapping: 'address-and-port-dependent' } as const
  /**
   * UDP requests: two servers and their two others, six fresh sockets, two changes; those that a filter holds back are repeated once. Of the
   * five that look for routers all but those reach the server that end at the router (1) and at the internet (2). TCP: two servers and four fresh ones.
   */
  const rows = [
    { about: 'nothing is held back', nat: easy, delayMs: 50, requests: 21, tookMs: 400 },
    { about: 'nothing is held back, far away', nat: easy, delayMs: 200, requests: 21, tookMs: 1_600 },
    { about: 'a filter, no hairpin', nat: hard, delayMs: 50, requests: 23, tookMs: 400 },
    { about: 'a filter, no hairpin, far away', nat: hard, delayMs: 200, requests: 23, tookMs: 1_600 }
  ]
  for (const { about, nat, delayMs, requests, tookMs } of rows) {
    test(`${about}: ${requests} requests, ${tookMs} ms`, async () => {
      const found = await examined({ nat: { ...nat, link: { delayMs } }, alice: { behind: 'nat' } })
      assert.deepEqual({ requests: found.requests, tookMs: found.tookMs }, { requests, tookMs })
    })
  }
})
