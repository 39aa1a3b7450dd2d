import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { NetworkReport } from '../../src/nat/report.ts'
import { ADVICE_CODES, type AdviceCode, advice } from '../../src/traversal/advice.ts'
import { EASY, HARD, HUB, MAPPED, NATIVE6, NETWORKS, NO_HUB, NO_MAPPING, OFFLINE, report, SILENT } from './reports.ts'

const HUB2 = { id: '12D3KooWSMsm2hj7RbaJPhC49Pjw2zVDpJPj9WmnCn58D27xotYL', rttMs: null }
const IPV6 = { udp6: NATIVE6, ipv6: { kind: 'native', nat64: null } } as const
const REFUSED = { ok: false, gateway: '192.168.2.1', external: null, reason: 'disabled' }
const NO_GATEWAY = { ...NO_MAPPING, reason: 'no-gateway' }
/** A router that does all that can be asked of one. */
const GOOD = { pcp: MAPPED, natPmp: MAPPED, upnp: MAPPED }
const ROUTER = report({ portMapping: GOOD, udp4: { ...EASY, hairpin: true } })

/** A network, everything that is advised there, in order, and words of the first. */
const ROWS: ReadonlyArray<readonly [string, NetworkReport, readonly AdviceCode[], ...RegExp[]]> = [
  ['nothing is the matter', ROUTER, []],
  ['public', NETWORKS.public, []],
  ['a firewall', NETWORKS.firewall, ['firewall'], /no NAT/],
  ['a home', NETWORKS['easy-nat'], ['mapping-absent', 'no-hairpin'], /PCP, NAT-PMP and UPnP/, /'UPnP'/],
  [
    'home and carrier',
    NETWORKS['double-nat'],
    ['carrier-nat', 'no-hairpin'],
    /the outer one is your provider's/,
    /100\.64/
  ],
  [
    'a mobile network',
    report({ cgnat: true, udp4: { ...EASY, hairpin: true } }),
    ['carrier-nat'],
    /^The NAT is your provider's/
  ],
  [
    'a carrier, with IPv6 too',
    { ...ROUTER, cgnat: true, natLayers: 2, ...IPV6 },
    ['carrier-nat'],
    /ask the provider for a public IPv4 address\.$/
  ],
  ['two routers at home', { ...ROUTER, natLayers: 2 }, ['double-nat'], /2 NATs/, /bridge mode/],
  [
    'a mapping on the inner of two',
    report({
      portMapping: { ...GOOD, pcp: { ...MAPPED, external: '10.0.0.2' }, natPmp: NO_MAPPING, upnp: NO_MAPPING },
      udp4: { ...EASY, hairpin: true },
      natLayers: 2
    }),
    ['double-nat', 'mapping-inner']
  ],
  [
    'symmetric',
    NETWORKS['hard-nat'],
    ['symmetric-nat', 'mapping-absent', 'no-hairpin'],
    /another public port for each peer/,
    /static port/,
    /IPv6 would do/
  ],
  [
    'symmetric by address',
    report({ udp4: { ...HARD, mapping: 'address-dependent', hairpin: true }, portMapping: GOOD, ...IPV6 }),
    ['symmetric-nat'],
    /port for each address/,
    /such a NAT themselves by TCP/,
    /maps ports, which gets around it/,
    /peers that have IPv6, as you do/
  ],
  [
    'symmetric, with a mapped port that works',
    { ...ROUTER, udp4: { ...HARD, hairpin: true }, reachability: 'public' },
    []
  ],
  [
    "symmetric, the provider's",
    report({ udp4: { ...HARD, hairpin: true }, tcp4: HARD, cgnat: true }),
    ['symmetric-nat', 'carrier-nat'],
    /over the relay\. IPv6 would do/
  ],
  [
    'several uplinks, which look like a symmetric NAT',
    { ...ROUTER, uplinks: 2, udp4: { ...HARD, hairpin: true, publicAddresses: ['11.2.0.10', '11.9.0.10'] } },
    ['several-uplinks'],
    /11\.2\.0\.10, 11\.9\.0\.10/
  ],
  ['UDP blocked', NETWORKS['udp-blocked'], ['udp-blocked'], /reached by TCP/],
  ['UDP over IPv6 only', { ...ROUTER, udp4: SILENT, ...IPV6 }, ['udp4-blocked'], /without IPv6/],
  [
    'NAT64',
    { ...ROUTER, udp4: SILENT, tcp4: SILENT, udp6: NATIVE6, ipv6: { kind: 'native', nat64: '64:ff9b::/96' } },
    ['ipv6-only'],
    /NAT64/
  ],
  ['no IPv4', { ...ROUTER, udp4: SILENT, tcp4: SILENT, ...IPV6 }, ['ipv6-only'], /has IPv6 only: use a hub/],
  [
    'an IPv4 address, and hubs by IPv6 alone',
    { ...ROUTER, udp4: { ...SILENT, local: '192.168.2.10' }, tcp4: SILENT, ...IPV6 },
    []
  ],
  [
    'a router that refuses everything',
    report({
      udp4: { ...EASY, hairpin: true },
      portMapping: { pcp: REFUSED, natPmp: REFUSED, upnp: REFUSED }
    }),
    ['mapping-refused'],
    /knows PCP, NAT-PMP and UPnP, and refuses to map a port \(disabled\)\./
  ],
  ['a login page', { ...ROUTER, captivePortal: true }, ['captive-portal'], /log in/],
  [
    'a proxy',
    { ...ROUTER, proxy: { url: 'http://proxy.example:3128', variable: 'https_proxy' } },
    ['http-proxy'],
    /https_proxy/,
    /proxy\.example:3128/
  ],
  ['no hub', NO_HUB, ['no-hub'], /--hub/],
  ['offline', OFFLINE, ['no-network'], /online/],
  ['one hub of two', { ...ROUTER, hubs: [HUB, HUB2] }, ['hub-silent'], new RegExp(HUB2.id)],
  [
    'a router that refuses UPnP',
    report({
      udp4: { ...EASY, hairpin: true },
      portMapping: {
        ...GOOD,
        pcp: NO_MAPPING,
        natPmp: NO_MAPPING,
        upnp: REFUSED
      }
    }),
    ['mapping-refused'],
    /knows UPnP, and refuses/,
    /\(disabled\)/
  ],
  [
    'a NAT without a router, as of a virtual machine',
    report({
      udp4: { ...EASY, hairpin: true },
      portMapping: { pcp: NO_GATEWAY, natPmp: NO_GATEWAY, upnp: NO_GATEWAY }
    }),
    []
  ],
  [
    'a short memory',
    { ...ROUTER, udp4: { ...EASY, hairpin: true, mappingLifetimeSeconds: 20 } },
    ['short-mapping'],
    /20 s/
  ],
  [
    'a memory too short',
    { ...ROUTER, udp4: { ...EASY, hairpin: true, mappingLifetimeSeconds: 5 } },
    ['short-mapping'],
    /too late/
  ],
  ['the memory of Linux', { ...ROUTER, udp4: { ...EASY, hairpin: true, mappingLifetimeSeconds: 28 } }, []],
  ['a narrow path', { ...ROUTER, udp4: { ...EASY, hairpin: true, pathMtu: 1_227 } }, ['small-mtu'], /1227/],
  ['a path that will just do', { ...ROUTER, udp4: { ...EASY, hairpin: true, pathMtu: 1_228 } }, []],
  [
    'one server address',
    {
      ...ROUTER,
      udp4: { ...EASY, hairpin: true, mapping: null, unknowns: [{ what: 'mapping', why: 'one-address' }] }
    },
    ['one-server'],
    /--host A --host B/
  ],
  [
    'a mapping that is not known for another reason',
    { ...ROUTER, udp4: { ...EASY, hairpin: true, mapping: null, unknowns: [{ what: 'mapping', why: 'unstable' }] } },
    []
  ]
]

describe('advice', () => {
  for (const [name, network, codes, ...words] of ROWS) {
    it(`${name}: ${codes.join(', ') || 'none'}`, () => {
      const given = advice(network)
      assert.deepEqual(
        given.map(({ code }) => code),
        codes
      )
      for (const pattern of words) assert.match(given[0]!.text, pattern)
    })
  }

  it('every code is given in some row', () => {
    const given = new Set(ROWS.flatMap(([, network]) => advice(network).map(({ code }) => code)))
    assert.deepEqual([...given].toSorted(), Object.keys(ADVICE_CODES).toSorted())
  })

  it('every text is whole sentences', () => {
    for (const { text } of ROWS.flatMap(([, network]) => advice(network))) {
      assert.match(text, /^[A-Z].*\.$/)
      assert.doesNotMatch(text, / {2}|undefined|null/)
    }
  })

  it('docs/doctor.md has one row for each code, and no other', () => {
    const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
    const section = page.split('## Advice')[1]!.split('\n## ')[0]!
    const rows = [...section.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code]) => code)
    assert.deepEqual(rows.toSorted(), Object.keys(ADVICE_CODES).toSorted())
  })
})
