import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LabSpec, RouterSpec } from '../../lab/lab.ts'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import type { Examined } from '../../src/nat/examine.ts'
import type { TransportReport } from '../../src/nat/report.ts'
import { NO_LAB, NO_NAT64, NO_SIM_ROUTER } from './available.ts'
import { reportOf, withHub } from './nat-report.ts'

const LIMIT = { timeout: 120_000 }
const hub = { addresses: 2 }
const easy = { mapping: 'endpoint-independent' } as const
const hard = { mapping: 'address-and-port-dependent' } as const
const EI = 'endpoint-independent'
const APD = 'address-and-port-dependent'

interface Row {
  readonly about: string
  readonly spec: LabSpec
  readonly udp4: Partial<TransportReport>
  readonly tcp4?: Partial<TransportReport>
  readonly rest: Partial<Examined>
}

/** Routers of the kernel: nftables. */
const ROWS: readonly Row[] = [
  {
    about: 'a public address',
    spec: { hub, alice: {} },
    udp4: { ok: true, translated: false, mapping: EI, filtering: EI, portAllocation: 'preserving', hairpin: null },
    rest: { natLayers: 0, cgnat: false, uplinks: 1 }
  },
  {
    about: 'a firewall',
    spec: { hub, nat: { mapping: 'none' }, alice: { behind: 'nat' } },
    udp4: { ok: true, translated: false, mapping: EI, filtering: APD },
    rest: { natLayers: 0, cgnat: false }
  },
  {
    about: 'a NAT that keeps ports',
    spec: { hub, nat: easy, alice: { behind: 'nat' } },
    udp4: {
      translated: true,
      mapping: EI,
      filtering: APD,
      portAllocation: 'preserving',
      hairpin: false,
      local: '192.168.2.10'
    },
    tcp4: { ok: true, translated: true, mapping: EI, portAllocation: 'preserving' },
    rest: { natLayers: 1, cgnat: false, hops: ['192.168.2.1', '11.2.0.1'] }
  },
  {
    about: 'a NAT that keeps ports and hairpins',
    spec: { hub, nat: { ...easy, hairpin: true }, alice: { behind: 'nat' } },
    udp4: { translated: true, mapping: EI, hairpin: true },
    rest: { natLayers: 1 }
  },
  {
    about: 'a NAT with a random port for each destination',
    spec: { hub, nat: hard, alice: { behind: 'nat' } },
    udp4: { translated: true, mapping: APD, filtering: APD, portAllocation: 'random', hairpin: false },
    tcp4: { ok: true, mapping: null, mappingPossible: ['address-dependent', APD], portAllocation: 'random' },
    rest: { natLayers: 1, cgnat: false }
  },
  {
    about: "two NATs, the outer one the carrier's",
    spec: { hub, carrier: easy, nat: { ...easy, behind: 'carrier' }, alice: { behind: 'nat' } },
    udp4: { mapping: EI, filtering: APD },
    rest: { natLayers: 2, cgnat: true }
  },
  {
    about: 'UDP blocked',
    spec: { hub, nat: { ...easy, blockUdp: true }, alice: { behind: 'nat' } },
    udp4: { ok: false, public: null, mapping: null },
    tcp4: { ok: true, mapping: EI },
    rest: { natLayers: null }
  },
  {
    about: 'a hub with one address',
    spec: { hub: {}, nat: easy, alice: { behind: 'nat' } },
    udp4: { mapping: null, mappingPossible: [EI, 'address-dependent'], filtering: APD },
    rest: { natLayers: 1 }
  }
]

function assertReport(report: Examined, { udp4, tcp4 = {}, rest }: Omit<Row, 'about' | 'spec'>): void {
  const text = JSON.stringify(report)
  const part = (whole: object, keys: object) =>
    Object.fromEntries(Object.keys(keys).map(key => [key, (whole as Record<string, unknown>)[key]]))
  assert.deepEqual(part(report.udp4, udp4), udp4, text)
  assert.deepEqual(part(report.tcp4, tcp4), tcp4, text)
  assert.deepEqual(part(report, rest), rest, text)
}

describe('a report of the network, by a hub, with routers of the kernel', { skip: NO_LAB, concurrency: 2 }, () => {
  for (const { spec, about, ...row } of ROWS) {
    test(about, LIMIT, async t => {
      const lab = await withHub(t, spec)
      const { report, tookMs } = await reportOf(lab)
      assertReport(report, row)
      assert.ok(tookMs < 5_000, `${tookMs} ms`)
    })
  }

  test('IPv6 behind a firewall, beside IPv4 behind a NAT', LIMIT, async t => {
    const spec = { hub: { ...hub, ipv6: true }, nat: easy, alice: { behind: 'nat', ipv6: true } }
    const lab = await withHub(t, spec)
    const { report } = await reportOf(lab, { servers: [lab.host('hub').ip, lab.host('hub').ip6!] })
    const { udp6, ipv6 } = report
    assert.deepEqual([ipv6.kind, udp6.ok, udp6.translated, udp6.mapping], ['native', true, false, EI])
    assert.equal(udp6.public?.startsWith(`[${lab.host('alice').ip6}]:`), true, udp6.public ?? '')
    assert.equal(report.udp4.mapping, EI)
  })

  test('IPv6 only, with a NAT64', { ...LIMIT, skip: NO_NAT64 }, async t => {
    const nat = { ...easy, nat64: true }
    const spec = { hub: { ...hub, ipv6: true }, nat, alice: { behind: 'nat', ipv6: true, ipv4: false } }
    const lab = await withHub(t, spec)
    const { ip, ip6 } = lab.host('hub')
    const { report } = await reportOf(lab, { servers: [ip, ip6!] })
    assert.deepEqual(report.ipv6, { kind: 'native', nat64: '64:ff9b::/96' })
    assert.deepEqual([report.udp4.ok, report.udp6.ok], [false, true])
  })

  test('asked for: a lifetime of 4 seconds, and the path MTU', LIMIT, async t => {
    const lab = await withHub(t, { hub, nat: { ...easy, mappingLifetimeSeconds: 4 }, alice: { behind: 'nat' } })
    const { udp4 } = (await reportOf(lab, { full: true })).report
    // the kernel takes an entry away a second late at most
    assert.ok([3, 4].includes(udp4.mappingLifetimeSeconds ?? -1), `${udp4.mappingLifetimeSeconds} s`)
    assert.equal(udp4.pathMtu, 1_500)
  })
})

describe("the same with the simulator's NAT under real sockets", { skip: NO_SIM_ROUTER, concurrency: 2 }, () => {
  test('NAT66', LIMIT, async t => {
    const nat: RouterSpec = { engine: 'sim', mapping: APD, nat66: true }
    const lab = await withHub(t, { hub: { ...hub, ipv6: true }, nat, alice: { behind: 'nat', ipv6: true } })
    const { ipv6, udp6 } = (await reportOf(lab, { servers: [lab.host('hub').ip6!] })).report
    assert.deepEqual([ipv6.kind, udp6.ok, udp6.translated], ['nat66', true, true])
  })

  const ALLOCATIONS = [
    { allocation: 'preserving' },
    { allocation: 'sequential', step: 2 },
    { allocation: 'random' }
  ] as const
  for (const [index, mapping] of DEPENDENCES.entries()) {
    for (const [shift, filtering] of DEPENDENCES.entries()) {
      // each allocation with each mapping, and both kinds of hairpinning
      const how = ALLOCATIONS[(index + shift) % ALLOCATIONS.length]!
      const hairpin = shift !== 1
      const { allocation } = how
      test(`${mapping} mapping, ${filtering} filtering, ${allocation} ports, hairpin ${hairpin}`, LIMIT, async t => {
        const nat: RouterSpec = { engine: 'sim', mapping, filtering, hairpin, ...how }
        const { report } = await reportOf(await withHub(t, { hub, nat, alice: { behind: 'nat' } }))
        const portStep = allocation === 'sequential' ? 2 : null
        assertReport(report, {
          udp4: { translated: true, mapping, filtering, hairpin, portAllocation: allocation, portStep },
          rest: { natLayers: 1, cgnat: false, uplinks: 1 }
        })
      })
    }
  }
})
