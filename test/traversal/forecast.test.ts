import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import type { NetworkReport } from '../../src/nat/report.ts'
import { type Forecast, forecast, PLACES, type Place, WHYS } from '../../src/traversal/forecast.ts'
import { EASY, HARD, HUB, MAPPED, NATIVE6, NETWORKS, NO_HUB, NO_MAPPING, OFFLINE, report, SILENT } from './reports.ts'

/** What the README calls the places that are forecast. */
const NAMES: Readonly<Record<string, Place>> = {
  open: 'public',
  firewall: 'firewall',
  home: 'easy-nat',
  'home behind a carrier': 'double-nat',
  'random per port': 'hard-nat',
  'UDP blocked': 'udp-blocked'
}

/** A forecast says by which transport; who is dialled by whom at an open place is not its business. */
const TECHNIQUES: Readonly<Record<string, string | null>> = { direct: 'punch-quic', reverse: 'punch-quic', relay: null }

/** The measured table of the README, both halves. */
function measured(): { ours: Place; theirs: Place; technique: string | null }[] {
  const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim().replaceAll('*', ''))
  const lines = page.split('\n')
  const start = lines.findIndex(line => Object.keys(NAMES).every(name => cells(line).includes(name)))
  assert.notEqual(start, -1, 'the table is where it was')
  const columns = cells(lines[start]!)
  return lines.slice(start + 2, start + 1 + columns.length).flatMap(line => {
    const [name = '', ...row] = cells(line)
    return row.flatMap((cell, index) => {
      const ours = NAMES[name]
      const theirs = NAMES[columns[index + 1]!]
      const way = cell.split(',')[0]!
      return ours == null || theirs == null
        ? []
        : [{ ours, theirs, technique: way in TECHNIQUES ? TECHNIQUES[way]! : way }]
    })
  })
}

function at(network: NetworkReport, place: Place): Omit<Forecast, 'place'> {
  const { place: _, ...rest } = forecast(network).find(each => each.place === place)!
  return rest
}

describe("what is forecast is what the README's grid measured", () => {
  const rows = measured()
  it('has all pairs', () => assert.equal(rows.length, 36))
  for (const { ours, theirs, technique } of rows) {
    it(`${ours} and ${theirs}: ${technique ?? 'relay'}`, () => {
      const found = at(NETWORKS[ours as keyof typeof NETWORKS], theirs)
      assert.deepEqual([found.path, found.technique], [technique == null ? 'relay' : 'direct', technique])
    })
  }
})

const SEQUENTIAL = { ...HARD, portAllocation: 'sequential', portStep: 1 } as const

/** A network, a place of the other side, and what is said of the two. */
/** Random ports, and one server with one port: it may be anything. */
const UNTOLD = { ...EASY, mapping: null, mappingPossible: DEPENDENCES, portAllocation: 'random' } as const

const ROWS: ReadonlyArray<readonly [string, NetworkReport, Place, Omit<Forecast, 'place'>]> = [
  [
    'a symmetric NAT with a mapped port that a hub got in by',
    report({
      udp4: HARD,
      tcp4: HARD,
      reachability: 'public',
      portMapping: { pcp: MAPPED, natPmp: MAPPED, upnp: MAPPED }
    }),
    'hard-nat',
    { path: 'direct', technique: 'punch-quic', why: 'we-are-public' }
  ],
  [
    'the same, and a peer without UDP: the mapped port is one of UDP',
    report({
      udp4: HARD,
      tcp4: HARD,
      reachability: 'public',
      portMapping: { pcp: MAPPED, natPmp: MAPPED, upnp: MAPPED }
    }),
    'udp-blocked',
    { path: 'relay', technique: null, why: 'our-ports-vary' }
  ],
  [
    'public over IPv6 only',
    report({ reachability: 'public', udp6: NATIVE6, ipv6: { kind: 'native', nat64: null } }),
    'hard-nat',
    { path: 'direct', technique: 'birthday', why: 'one-side-random' }
  ],
  [
    'IPv6 on both sides, whatever IPv4 does',
    report({ udp4: HARD, tcp4: HARD, udp6: NATIVE6, ipv6: { kind: 'native', nat64: null } }),
    'ipv6',
    { path: 'direct', technique: 'punch-quic', why: 'both-predictable' }
  ],
  ['no IPv6 here', report(), 'ipv6', { path: null, technique: null, why: 'no-ipv6' }],
  [
    'translated IPv6',
    report({ udp6: { ...NATIVE6, translated: true }, ipv6: { kind: 'nat66', nat64: null } }),
    'ipv6',
    { path: null, technique: null, why: 'no-ipv6' }
  ],
  [
    'a mapping that one server address could not tell: another one hardly ever sees another port',
    report({ udp4: { ...EASY, mapping: null, mappingPossible: ['endpoint-independent', 'address-dependent'] } }),
    'firewall',
    { path: 'direct', technique: 'punch-quic', why: 'both-predictable' }
  ],
  [
    'a mapping that one port could not tell',
    report({ udp4: UNTOLD }),
    'firewall',
    { path: 'direct', technique: 'punch-tcp', why: 'both-predictable' }
  ],
  [
    'the same of TCP too',
    report({
      udp4: UNTOLD,
      tcp4: { ...EASY, mapping: null, mappingPossible: [] }
    }),
    'firewall',
    { path: null, technique: null, why: 'not-known' }
  ],
  [
    'a mapping that can be everything but the easy one',
    report({
      udp4: { ...EASY, mapping: null, mappingPossible: ['address-dependent', 'address-and-port-dependent'] },
      tcp4: HARD
    }),
    'easy-nat',
    { path: 'relay', technique: null, why: 'our-ports-vary' }
  ],
  [
    'symmetric for UDP only',
    report({ udp4: HARD }),
    'easy-nat',
    { path: 'direct', technique: 'punch-tcp', why: 'both-predictable' }
  ],
  [
    'a filter by address',
    report({ udp4: { ...EASY, filtering: 'address-dependent' } }),
    'hard-nat',
    { path: 'direct', technique: 'punch-quic', why: 'hosts-get-in' }
  ],
  [
    'no filter but a mapping',
    report({ udp4: { ...EASY, filtering: 'endpoint-independent' } }),
    'hard-nat',
    { path: 'direct', technique: 'punch-quic', why: 'hosts-get-in' }
  ],
  [
    'a filter by address, symmetric itself',
    report({ udp4: { ...HARD, filtering: 'address-dependent' }, tcp4: HARD }),
    'hard-nat',
    { path: 'relay', technique: null, why: 'both-random' }
  ],
  [
    'ports in sequence',
    report({ udp4: SEQUENTIAL, tcp4: SEQUENTIAL }),
    'easy-nat',
    { path: 'direct', technique: 'predict', why: 'ports-in-sequence' }
  ],
  [
    'ports in sequence, towards random ones',
    report({ udp4: SEQUENTIAL, tcp4: SEQUENTIAL }),
    'hard-nat',
    { path: 'relay', technique: null, why: 'random-and-varying' }
  ],
  [
    'a filter that is not known, towards random ports: the guess is made for the worst one',
    report({ udp4: { ...EASY, filtering: null } }),
    'hard-nat',
    { path: 'direct', technique: 'birthday', why: 'one-side-random' }
  ],
  [
    'another port for each peer, and nothing known of how they are chosen: nobody guesses',
    report({ udp4: { ...HARD, portAllocation: null }, tcp4: HARD }),
    'easy-nat',
    { path: 'relay', technique: null, why: 'our-ports-vary' }
  ],
  [
    'several uplinks: nobody knows which',
    report({ uplinks: 2 }),
    'easy-nat',
    { path: null, technique: null, why: 'not-known' }
  ],
  [
    'several uplinks, towards a public peer',
    report({ uplinks: 2 }),
    'public',
    { path: 'direct', technique: 'punch-quic', why: 'they-are-public' }
  ],
  ['neighbours', report(), 'same-network', { path: 'direct', technique: 'local', why: 'by-local-address' }],
  ['neighbours without a hub', NO_HUB, 'same-network', { path: null, technique: null, why: 'not-known' }],
  ['no hub', NO_HUB, 'public', { path: null, technique: null, why: 'not-known' }],
  ['a hub that does not answer', OFFLINE, 'public', { path: null, technique: null, why: 'no-ipv4' }],
  [
    'a hub over IPv6 only',
    report({ udp4: SILENT, tcp4: SILENT, udp6: NATIVE6, ipv6: { kind: 'native', nat64: null }, hubs: [HUB] }),
    'easy-nat',
    { path: 'relay', technique: null, why: 'no-ipv4' }
  ],
  [
    'UDP blocked here, a symmetric NAT there',
    NETWORKS['udp-blocked'],
    'hard-nat',
    { path: 'relay', technique: null, why: 'their-ports-vary' }
  ],
  [
    'UDP blocked there, no TCP here',
    report({ tcp4: SILENT, portMapping: { pcp: NO_MAPPING, natPmp: NO_MAPPING, upnp: NO_MAPPING } }),
    'udp-blocked',
    { path: 'relay', technique: null, why: 'no-udp' }
  ]
]

describe('and beside the grid', () => {
  for (const [name, network, place, expected] of ROWS) {
    it(`${name}, ${place}`, () => assert.deepEqual(at(network, place), expected))
  }

  it('each place has one row, in order', () => {
    assert.deepEqual(
      forecast(report()).map(({ place }) => place),
      Object.keys(PLACES)
    )
  })

  it('every reason is given by some row', () => {
    const networks = [...Object.values(NETWORKS), ...ROWS.map(([, network]) => network)]
    const given = new Set(networks.flatMap(network => forecast(network).map(({ why }) => why)))
    assert.deepEqual([...given].toSorted(), Object.keys(WHYS).toSorted())
  })

  it('docs/doctor.md has one row for each place and each reason, and no other', () => {
    const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
    const section = page.split('## Forecast')[1]!.split('\n## ')[0]!
    const rows = [...section.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code]) => code)
    assert.deepEqual(rows, ['place', ...Object.keys(PLACES), 'why', ...Object.keys(WHYS)])
  })
})
