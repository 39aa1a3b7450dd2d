import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Endpoint } from '../../src/core/machine.ts'
import { type Examined, type ExamineInit, examine, QUICK_MS } from '../../src/nat/examine.ts'
import { createSim, type Sim } from '../../src/sim/index.ts'
import type { SimSpec } from '../../src/sim/spec.ts'
import { type ServerOptions, stunServer } from './stun-server.ts'

const easy = { mapping: 'endpoint-independent' } as const
const hard = { mapping: 'address-and-port-dependent' } as const
const alice = { behind: 'nat' }

/** Options of the server at each host that is one; the first one's are the default. */
type Servers = Readonly<Record<string, ServerOptions>>

async function network(spec: SimSpec, servers: Servers = { hub: {} }, init: Partial<ExamineInit> = {}) {
  using sim = createSim(spec)
  const ask: Endpoint[] = []
  for (const [name, options] of Object.entries(servers)) {
    const host = sim.host(name)
    await stunServer(host, options)
    ask.push({ address: options.family === 6 ? host.ip6! : host.ip, port: (options.ports ?? [4001])[0]! })
  }
  return await run(sim, { servers: ask, ...init })
}

async function run(sim: Sim, init: Partial<ExamineInit>): Promise<{ report: Examined; tookMs: number; sent: number }> {
  const startMs = sim.clock.now()
  const report = await sim.run(examine({ host: sim.host('alice'), servers: [], ...init }))
  return { report, tookMs: sim.clock.now() - startMs, sent: sim.counts('alice').sent }
}

const why = (report: Examined['udp4'], what: string) => report.unknowns.find(unknown => unknown.what === what)?.why

describe('networks', () => {
  test('a public address', async () => {
    const { report } = await network({ hub: { addresses: 2 }, alice: {} })
    const { udp4 } = report
    assert.deepEqual(
      [
        udp4.translated,
        udp4.mapping,
        udp4.filtering,
        udp4.portAllocation,
        udp4.hairpin,
        report.natLayers,
        report.cgnat
      ],
      [false, 'endpoint-independent', 'endpoint-independent', 'preserving', null, 0, false]
    )
    assert.equal(why(udp4, 'hairpin'), 'not-translated')
    assert.deepEqual(report.hops, [])
  })

  test('a firewall', async () => {
    const { report } = await network({ hub: { addresses: 2 }, nat: { mapping: 'none' }, alice })
    assert.deepEqual(
      [report.udp4.translated, report.udp4.filtering, report.natLayers],
      [false, 'address-and-port-dependent', 0]
    )
  })

  test('two NATs in a row, the outer one in carrier addresses', async () => {
    const { report } = await network({
      hub: { addresses: 2 },
      carrier: hard,
      nat: { ...easy, behind: 'carrier' },
      alice
    })
    assert.deepEqual([report.natLayers, report.cgnat, report.udp4.mapping], [2, true, 'address-and-port-dependent'])
    assert.deepEqual(report.hops.slice(0, 2), ['192.168.3.1', '100.64.2.1'])
  })

  test('UDP blocked: known by silence after three seconds, TCP is told all the same', async () => {
    const { report, tookMs } = await network({ hub: { addresses: 2 }, nat: { ...easy, blockUdp: true }, alice })
    assert.deepEqual([report.udp4.ok, why(report.udp4, 'mapping')], [false, 'no-server'])
    assert.deepEqual(
      [report.tcp4.ok, report.tcp4.mapping, report.tcp4.public?.split(':')[0]],
      [true, 'endpoint-independent', '11.2.0.10']
    )
    assert.equal(tookMs, 3_000)
  })

  test('nobody answers at all', async () => {
    const { report, tookMs } = await network(
      { hub: {}, nat: easy, alice },
      {},
      { servers: [{ address: '11.99.0.1', port: 4001 }] }
    )
    assert.deepEqual(
      [report.udp4.ok, report.tcp4.ok, report.natLayers, report.udp4.local],
      [false, false, null, '192.168.2.10']
    )
    assert.equal(tookMs, 3_000)
  })

  test('no server is given: what a machine sees of itself, without a packet', async () => {
    const { report, tookMs, sent } = await network(
      { nat: easy, alice },
      {},
      { environment: { HTTPS_PROXY: 'http://u:p@a:1' } }
    )
    assert.deepEqual([report.udp4.ok, report.udp4.local, tookMs, sent], [false, '192.168.1.10', 0, 0])
    assert.deepEqual(report.proxy, { url: 'http://a:1', variable: 'HTTPS_PROXY' })
  })

  test('one of two hubs is down: it holds up nothing', async () => {
    const spec = { hub: { addresses: 2 }, nat: { ...easy, link: { delayMs: 50 } }, alice }
    const both = [
      { address: '11.99.0.1', port: 4001 },
      { address: '11.1.0.10', port: 4001 }
    ]
    const { report, tookMs } = await network(spec, { hub: {} }, { servers: both })
    assert.equal(report.udp4.mapping, 'endpoint-independent')
    assert.ok(tookMs <= 600, `${tookMs} ms`)
  })

  test('two hubs with one address each: the mapping is known, the filter of addresses is not', async () => {
    const { report } = await network({ one: {}, two: {}, nat: hard, alice }, { one: {}, two: {} })
    assert.equal(report.udp4.mapping, 'address-and-port-dependent')
    assert.equal(report.udp4.filtering, 'address-and-port-dependent')
  })

  test('one hub with one address: what it can tell, and why not more', async () => {
    const rows = [
      [easy, null, ['endpoint-independent', 'address-dependent']],
      [hard, 'address-and-port-dependent', ['address-and-port-dependent']]
    ] as const
    for (const [nat, mapping, possible] of rows) {
      const { report } = await network({ hub: {}, nat: { ...nat, filtering: 'address-dependent' }, alice })
      assert.deepEqual([report.udp4.mapping, report.udp4.mappingPossible], [mapping, possible])
      assert.equal(report.udp4.filtering, null)
      assert.deepEqual(report.udp4.filteringPossible, ['endpoint-independent', 'address-dependent'])
      assert.equal(why(report.udp4, 'filtering'), 'one-address')
    }
  })

  test('one plain server on one port', async () => {
    const { report } = await network({ hub: {}, nat: hard, alice }, { hub: { plain: true, ports: [3478] } })
    assert.deepEqual([report.udp4.mapping, report.udp4.filtering], [null, null])
    assert.equal(why(report.udp4, 'mapping'), 'one-address')
    assert.equal(why(report.udp4, 'filtering'), 'no-change-request')
    assert.deepEqual([report.udp4.portAllocation, report.udp4.hairpin], ['random', false])
  })

  test('two uplinks by destination are no address-dependent mapping', async () => {
    const nat = { ...easy, uplinks: [{ link: { delayMs: 10 } }, { link: { delayMs: 15 } }] }
    const { report } = await network({ hub: { addresses: 2 }, nat, alice })
    assert.deepEqual(
      [report.udp4.mapping, report.uplinks, report.udp4.publicAddresses.length],
      ['endpoint-independent', 2, 2]
    )
  })

  test('a pool of addresses is no second uplink', async () => {
    const nat = { ...easy, addresses: 3, pooling: 'arbitrary' } as const
    const { report } = await network({ hub: { addresses: 2 }, nat, alice })
    assert.deepEqual([report.udp4.mapping, report.uplinks], ['endpoint-independent', 1])
    assert.ok(report.udp4.publicAddresses.length > 1)
  })

  test('packets that are lost: nothing false is said', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      using sim = createSim(
        {
          hub: { addresses: 2 },
          nat: { ...easy, filtering: 'endpoint-independent', link: { delayMs: 20, lossPercent: 10 } },
          alice
        },
        { seed }
      )
      await stunServer(sim.host('hub'))
      const { report } = await run(sim, { servers: [{ address: '11.1.0.10', port: 4001 }] })
      assert.ok(report.udp4.mappingPossible.includes('endpoint-independent'), `seed ${seed}: ${report.udp4.mapping}`)
      assert.equal(report.udp4.portAllocation, 'preserving', `seed ${seed}`)
    }
  })
})

describe('IPv6', () => {
  const hub = { addresses: 2, ipv6: true }
  const six = { behind: 'nat', ipv6: true }
  const both: Servers = { hub: {} }

  async function dual(spec: SimSpec, families: readonly (4 | 6)[] = [4, 6]) {
    using sim = createSim(spec)
    const servers: Endpoint[] = []
    for (const family of families) {
      const host = sim.host('hub')
      await stunServer(host, { family, tcp: family === families[0] })
      servers.push({ address: family === 4 ? host.ip : host.ip6!, port: 4001 })
    }
    return (await run(sim, { servers })).report
  }

  test('native, behind a firewall', async () => {
    const report = await dual({ hub, nat: easy, alice: six })
    assert.deepEqual([report.ipv6.kind, report.udp6.ok, report.udp6.translated], ['native', true, false])
    assert.equal(report.udp6.filtering, 'address-and-port-dependent')
    assert.equal(report.udp6.public?.startsWith('[2a0b:beef:'), true)
    assert.equal(report.tcp6.translated, false)
  })

  test('NAT66', async () => {
    const report = await dual({ hub, nat: { ...hard, nat66: true }, alice: six })
    assert.deepEqual(
      [report.ipv6.kind, report.udp6.translated, report.udp6.mapping],
      ['nat66', true, 'address-and-port-dependent']
    )
  })

  test('none, and not known for want of a server', async () => {
    assert.equal((await network({ hub, nat: easy, alice }, both)).report.ipv6.kind, 'none')
    assert.equal((await network({ hub, nat: easy, alice: six }, both)).report.ipv6.kind, 'unknown')
  })

  test('IPv6 only, with NAT64 and DNS64', async () => {
    const report = await dual({ hub, nat: { ...easy, nat64: true }, alice: { ...six, ipv4: false } }, [6])
    assert.deepEqual([report.ipv6.nat64, report.udp4.ok, report.udp6.ok], ['64:ff9b::/96', false, true])
  })
})

describe('servers that lie', () => {
  test('one of three about what it sees', async () => {
    const lie = (seen: Endpoint) => ({ address: '11.200.0.1', port: seen.port ^ 1 })
    const spec = { hub: { addresses: 2 }, liar: {}, nat: easy, alice }
    const { report } = await network(spec, { hub: {}, liar: { lie } })
    assert.deepEqual([report.udp4.mapping, report.uplinks], ['endpoint-independent', 1])
  })

  test('a stranger named as its other address gets a handful of packets', async () => {
    using sim = createSim({ hub: {}, nat: easy, alice, victim: {} })
    const victim = sim.host('victim').ip
    await stunServer(sim.host('hub'), { other: { address: victim, port: 53 } })
    const { report } = await run(sim, { servers: [{ address: '11.1.0.10', port: 4001 }] })
    assert.equal(report.udp4.filtering, 'address-and-port-dependent')
    // two of its ports, each asked twice by UDP; two SYNs, and one to the port that has STUN by TCP at the server
    assert.equal(sim.counts('victim').dropped, 7)
  })

  test('another address in the private network is not asked', async () => {
    using sim = createSim({ hub: {}, nat: easy, alice, printer: { behind: 'nat' } })
    await stunServer(sim.host('hub'), { other: { address: sim.host('printer').ip, port: 631 } })
    const { report } = await run(sim, { servers: [{ address: '11.1.0.10', port: 4001 }] })
    assert.equal(report.udp4.ok, true)
    assert.deepEqual([sim.counts('printer').received, sim.counts('printer').dropped], [0, 0])
  })

  test('an address that nobody can have', async () => {
    for (const address of ['224.0.0.1', '0.0.0.0', '127.0.0.1', '169.254.1.1']) {
      const { report } = await network(
        { hub: {}, nat: easy, alice },
        { hub: { lie: ({ port }) => ({ address, port }) } }
      )
      assert.equal(report.udp4.ok, false, address)
    }
  })

  test('what was asked to come from elsewhere never comes', async () => {
    const nat = { ...easy, filtering: 'endpoint-independent' } as const
    const { report } = await network({ hub: { addresses: 2 }, nat, alice }, { hub: { mute: true } })
    // silence there cannot be told from a filter's
    assert.equal(report.udp4.filtering, 'address-and-port-dependent')
  })
})

describe('time', () => {
  test('the quick report is there in time on a network as slow as none is, and says what is missing', async () => {
    const { report, tookMs } = await network({
      hub: { addresses: 2 },
      nat: { ...easy, link: { delayMs: 1_400 } },
      alice
    })
    assert.equal(tookMs, QUICK_MS)
    assert.deepEqual([report.udp4.ok, report.udp4.filtering, why(report.udp4, 'filtering')], [true, null, 'no-time'])
  })

  test('port mapping that does not come back holds up nothing longer', async () => {
    const portMapping = new Promise<Examined['portMapping']>(() => {})
    const { report, tookMs } = await network({ hub: {}, nat: easy, alice }, { hub: {} }, { portMapping })
    assert.equal(tookMs, QUICK_MS)
    assert.equal(report.portMapping.pcp.ok, false)
  })

  test('who gives up is heard at once, and nothing is left', async () => {
    using sim = createSim({ hub: {}, nat: { ...easy, link: { delayMs: 200 } }, alice })
    await stunServer(sim.host('hub'))
    const controller = new AbortController()
    sim.clock.after(300, () => controller.abort(new Error('enough')))
    const { signal } = controller
    const servers = [{ address: '11.1.0.10', port: 4001 }]
    await assert.rejects(sim.run(examine({ host: sim.host('alice'), servers, signal, full: true })), /enough/)
    assert.equal(sim.clock.now(), 300)
    sim.close()
    assert.equal(sim.clock.pending, 0)
  })

  test('a shared socket is used, and left open', async () => {
    using sim = createSim({ hub: { addresses: 2 }, nat: easy, alice })
    await stunServer(sim.host('hub'))
    const udp4 = await sim.host('alice').udp({ family: 4, port: 4001 })
    const { report } = await run(sim, { servers: [{ address: '11.1.0.10', port: 4001 }], shared: { udp4 } })
    assert.equal(report.udp4.public, '11.2.0.10:4001')
    await assert.rejects(sim.host('alice').udp({ family: 4, port: 4001 }), { code: 'PORT_TAKEN' })
  })
})

describe('what takes long', () => {
  for (const [lifetime, measured] of [
    [2, 1],
    [15, 14],
    [30, 28],
    [60, 55],
    [500, 180]
  ] as const) {
    test(`a mapping that lives ${lifetime} s: ${measured} s at least`, async () => {
      const nat = { ...easy, mappingLifetimeSeconds: lifetime, link: { delayMs: 20 } }
      const { report, tookMs } = await network({ hub: { addresses: 2 }, nat, alice }, { hub: {} }, { full: true })
      assert.equal(report.udp4.mappingLifetimeSeconds, measured)
      assert.ok(tookMs <= 185_000, `${tookMs} ms`)
    })
  }

  test('a server without RESPONSE-PORT cannot tell it', async () => {
    const { report } = await network({ hub: {}, nat: easy, alice }, { hub: { plain: true } }, { full: true })
    assert.deepEqual(
      [report.udp4.mappingLifetimeSeconds, why(report.udp4, 'mappingLifetimeSeconds')],
      [null, 'no-response-port']
    )
  })

  for (const [mtu, blackHole] of [
    [1_500, false],
    [1_492, false],
    [1_420, true],
    [1_280, true],
    [576, false]
  ] as const) {
    test(`a path of ${mtu} bytes${blackHole ? ', of which nobody tells' : ''}`, async () => {
      const nat = { ...easy, link: { mtu, blackHole, delayMs: 20 }, mappingLifetimeSeconds: 1 }
      const { report } = await network({ hub: {}, nat, alice }, { hub: {} }, { full: true })
      assert.equal(report.udp4.pathMtu, mtu)
    })
  }
})
