import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import colors from 'picocolors'
import { type Diagnosis, diagnose } from '../../../src/cli/doctor/diagnosis.ts'
import { type Look, lookOf } from '../../../src/cli/doctor/look.ts'
import { page } from '../../../src/cli/doctor/page.ts'
import type { NetworkReport } from '../../../src/nat/report.ts'
import { EASY, HARD, HUB, MAPPED, NATIVE6, NETWORKS, NO_HUB, OFFLINE, report, SILENT } from '../../traversal/reports.ts'

const PLAIN: Look = { columns: 80, unicode: true, colors: colors.createColors(false) }
const FAST = { kind: 'ffi', reason: null } as const
const SLOW = { kind: 'portable', reason: 'koffi does not load on linux-riscv64: no such module' } as const
const IPV6 = { udp6: NATIVE6, tcp6: NATIVE6, ipv6: { kind: 'native', nat64: null } } as const

/** With `--full`, a router that does all that it can, and everything that makes a line of its own. */
const RICH = report({
  udp4: {
    ...HARD,
    portAllocation: 'sequential',
    portStep: 2,
    portParity: true,
    hairpin: true,
    mappingLifetimeSeconds: 20,
    pathMtu: 1_480,
    unknowns: []
  },
  ...IPV6,
  ipv6: { kind: 'native', nat64: '64:ff9b::/96' },
  portMapping: {
    pcp: MAPPED,
    natPmp: MAPPED,
    upnp: { ok: false, gateway: '192.168.2.1', external: null, reason: 'disabled' }
  },
  proxy: { url: 'http://proxy.example:3128', variable: 'https_proxy' },
  captivePortal: false,
  hubs: [HUB, { id: '12D3KooWSMsm2hj7RbaJPhC49Pjw2zVDpJPj9WmnCn58D27xotYL', rttMs: null }]
})

/** One server address: what is not known says why. */
const DOUBTFUL = report({
  udp4: {
    ...EASY,
    mapping: null,
    mappingPossible: ['endpoint-independent', 'address-dependent'],
    filtering: null,
    filteringPossible: ['address-dependent', 'address-and-port-dependent'],
    portAllocation: null,
    hairpin: null,
    unknowns: [
      { what: 'mapping', why: 'one-address' },
      { what: 'filtering', why: 'no-change-request' },
      { what: 'portAllocation', why: 'unstable' },
      { what: 'hairpin', why: 'no-time' }
    ]
  },
  natLayers: null,
  cgnat: null,
  reachability: 'unknown'
})

/** Two ways out, and three NATs without room for them: the stages stand under each other. */
const DEEP = report({
  udp4: { ...EASY, publicAddresses: ['11.2.0.10', '11.9.0.10'] },
  uplinks: 2,
  natLayers: 3,
  hops: ['192.168.2.1', '10.0.0.1', '100.64.0.1'],
  cgnat: true
})

const SNAPSHOTS: ReadonlyArray<readonly [string, NetworkReport, Partial<Look>?]> = [
  ...Object.entries(NETWORKS).map(([name, network]) => [name, network] as const),
  ['no-hub', NO_HUB],
  ['offline', OFFLINE],
  ['ipv6-only', report({ udp4: SILENT, tcp4: SILENT, ...IPV6, natLayers: 0, hops: [] })],
  ['doubtful', DOUBTFUL],
  ['rich', RICH],
  ['rich-ascii-narrow', RICH, { unicode: false, columns: 60 }],
  ['deep', DEEP],
  ['deep-ascii', DEEP, { unicode: false }]
]

describe('what people read', () => {
  // `node --test --test-update-snapshots` writes them anew
  for (const [name, network, look] of SNAPSHOTS) {
    it(name, t => {
      const text = page(diagnose(network, name.startsWith('rich') ? SLOW : FAST), { ...PLAIN, ...look })
      t.assert.fileSnapshot(`${text}\n`, join(import.meta.dirname, 'pages', `${name}.txt`), {
        serializers: [value => value]
      })
    })
  }

  it('has the same text with colours', () => {
    for (const [name, network] of SNAPSHOTS) {
      const coloured = page(diagnose(network, FAST), { ...PLAIN, colors: colors.createColors(true) })
      assert.ok(coloured.includes('\x1b['), name)
      assert.equal(stripVTControlCharacters(coloured), page(diagnose(network, FAST), PLAIN), name)
    }
  })

  it('keeps to the width of the terminal, at any width', () => {
    for (const [name, network] of SNAPSHOTS) {
      // below that, an id of a hub has no line that it fits in
      for (let columns = 79; columns <= 100; columns++) {
        for (const unicode of [true, false]) {
          const lines = page(diagnose(network, SLOW), { ...PLAIN, columns, unicode }).split('\n')
          const wide = lines.find(line => line.length > columns)
          assert.equal(wide, undefined, `${name} at ${columns}`)
        }
      }
    }
  })

  it('in ASCII has nothing else', () => {
    for (const [name, network] of SNAPSHOTS) {
      assert.match(page(diagnose(network, FAST), { ...PLAIN, unicode: false }), /^[\n -~]*$/, name)
    }
  })

  it('never passes on what moves the cursor, whoever said it', () => {
    const evil = '\x1b[2J\x9b1A\r\n\x07\u202e'
    const mapping = { ok: false, gateway: evil, external: evil, reason: evil }
    const network = report({
      udp4: { ...EASY, public: `${evil}:1`, local: evil, publicAddresses: [evil, evil] },
      portMapping: { pcp: mapping, natPmp: mapping, upnp: { ...mapping, ok: true } },
      hops: [evil],
      proxy: { url: evil, variable: evil },
      uplinks: 2,
      hubs: [HUB, { id: evil, rttMs: null }]
    })
    const text = page(diagnose(network, { kind: 'portable', reason: evil }), PLAIN)
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  })

  it('stands whatever a report says', () => {
    const maybe = <T>(...values: T[]) => fc.constantFrom(null, ...values)
    const transport = fc.record({
      ok: fc.boolean(),
      public: maybe('11.2.0.10:1', '[2a0b:beef:2:1::10]:65535'),
      local: maybe('192.168.2.10', 'fd00:1234:5678:9abc:def0:1234:5678:9abc'),
      translated: maybe(true, false),
      mapping: maybe('endpoint-independent', 'address-dependent', 'address-and-port-dependent'),
      filtering: maybe('endpoint-independent', 'address-dependent', 'address-and-port-dependent'),
      portAllocation: maybe('preserving', 'sequential', 'random'),
      portStep: maybe(1, -2),
      hairpin: maybe(true, false),
      mappingLifetimeSeconds: maybe(1, 600),
      pathMtu: maybe(1_000, 1_500)
    })
    const network = fc.record({
      udp4: transport,
      tcp4: transport,
      udp6: transport,
      tcp6: transport,
      natLayers: maybe(0, 1, 2, 3, 4),
      cgnat: maybe(true, false),
      uplinks: fc.integer({ min: 1, max: 3 }),
      reachability: fc.constantFrom('public', 'private', 'unknown'),
      hops: fc.subarray(['192.168.2.1', '192.168.0.1', '10.1.1.1', '100.64.0.1', '11.1.1.1'])
    })
    fc.assert(
      fc.property(network, fc.integer({ min: 50, max: 100 }), (random, columns) => {
        const full = (each: object) => ({ ...SILENT, ...each })
        const { udp4, tcp4, udp6, tcp6, ...rest } = random
        const transports = { udp4: full(udp4), tcp4: full(tcp4), udp6: full(udp6), tcp6: full(tcp6) }
        const diagnosis: Diagnosis = diagnose({ ...report(), ...rest, ...transports } as NetworkReport, FAST)
        const text = page(diagnosis, { ...PLAIN, columns })
        assert.doesNotMatch(text, /undefined|null|NaN|\[object/)
        for (const line of text.split('\n')) assert.ok(line.length <= Math.max(columns, 79), line)
      }),
      { seed: 4, numRuns: 500 }
    )
  })
})

describe('how it looks where', () => {
  const none = colors.createColors(false)
  const utf8 = { LANG: 'en_GB.UTF-8', TERM: 'xterm' }
  const rows: ReadonlyArray<
    readonly [string, Parameters<typeof lookOf>[0], Record<string, string>, Omit<Look, 'colors'>]
  > = [
    ['a terminal', { isTTY: true, columns: 90 }, utf8, { columns: 90, unicode: true }],
    ['a file', {}, utf8, { columns: 80, unicode: false }],
    ['another locale', { isTTY: true, columns: 80 }, { LANG: 'C', TERM: 'xterm' }, { columns: 80, unicode: false }],
    ['LC_ALL goes first', { isTTY: true, columns: 80 }, { ...utf8, LC_ALL: 'C' }, { columns: 80, unicode: false }],
    ['the console of Linux', { isTTY: true, columns: 80 }, { ...utf8, TERM: 'linux' }, { columns: 80, unicode: false }],
    ['a wide one', { isTTY: true, columns: 300 }, utf8, { columns: 100, unicode: true }],
    ['one that does not tell', { isTTY: true, columns: 0 }, utf8, { columns: 80, unicode: true }],
    ['a very narrow one', { isTTY: true, columns: 20 }, utf8, { columns: 50, unicode: true }]
  ]
  for (const [name, stream, env, expected] of rows) {
    it(name, { skip: process.platform === 'win32' }, () => {
      const { colors: _, ...look } = lookOf(stream, env, none)
      assert.deepEqual(look, expected)
    })
  }
})
