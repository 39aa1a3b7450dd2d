import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSpec } from '../../lab/check-spec.ts'
import { engineOf } from '../../lab/engine.ts'
import { planLab } from '../../lab/plan.ts'
import { PRESETS, preset } from '../../lab/presets.ts'
import type { LabSpec, RouterSpec } from '../../lab/spec.ts'

test('every preset has hub, alice and bob, and is a spec that works', () => {
  for (const name of Object.keys(PRESETS)) {
    const spec = preset(name, { link: { delayMs: 20 }, ipv6: true })
    checkSpec(spec)
    assert.ok('hub' in spec && 'alice' in spec && 'bob' in spec, name)
    assert.ok(Object.values(spec).filter(node => node.link).length >= 1, name)
    assert.equal(spec['hub']!.link, undefined, name)
  }
  assert.throws(() => preset('full-cone'), /no preset 'full-cone': there are public, easy-easy/)
})

const wrong: [RegExp, LabSpec][] = [
  [/1 to 200 nodes/, {}],
  [/'a_b': a name is/, { a_b: {} }],
  [/'internet': the name is taken/, { internet: {} }],
  [/'a': it is behind 'b', which is not a router/, { a: { behind: 'b' } }],
  [/'a': it is behind 'b', which is not a router/, { a: { behind: 'b' }, b: {} }],
  [/'a': it is behind itself/, { a: { mapping: 'none', behind: 'b' }, b: { mapping: 'none', behind: 'a' } }],
  [/'a': there is no option 'delay'/, { a: { delay: 20 } as object }],
  [/'a': mapping is endpoint-independent/, { a: { mapping: 'full-cone' as 'none' } }],
  [/'a': hairpin needs/, { a: { mapping: 'none', hairpin: true } }],
  [/'a': a link has no 'delay'/, { a: { link: { delay: 20 } as object } }],
  [/'a': lossPercent is 0 to 100/, { a: { link: { lossPercent: 101 } } }],
  [/'a': rateMbit is more than 0/, { a: { link: { rateMbit: 0 } } }],
  [/'a': engine is kernel, sim; not 'nft'/, { a: { mapping: 'none', engine: 'nft' as 'sim' } }],
  [
    /'a': filtering "endpoint-independent" needs engine 'sim'/,
    { a: { mapping: 'none', engine: 'kernel', filtering: 'endpoint-independent' } }
  ],
  [
    /'a': hairpin with mapping 'address-and-port-dependent' needs engine 'sim'/,
    { a: { mapping: 'address-and-port-dependent', engine: 'kernel', hairpin: true } }
  ],
  [
    /'a': unsolicited 'accept' needs engine 'kernel', and mapping 'address-dependent' 'sim'/,
    { a: { mapping: 'address-dependent', unsolicited: 'accept' } }
  ],
  [/'a': filtering is endpoint-independent/, { a: { mapping: 'none', filtering: 'full-cone' as 'address-dependent' } }],
  [/'a': step is/, { a: { mapping: 'address-dependent', step: 0 } }],
  [/'a': it has neither/, { a: { ipv4: false } }],
  [/'a': nat64 needs a mapping/, { a: { mapping: 'none', nat64: true } }],
  [
    /'a': nat64 needs engine 'kernel', and mapping 'address-dependent' 'sim'/,
    { a: { mapping: 'address-dependent', nat64: true } }
  ],
  [/'a': addresses is 1 to 16/, { a: { addresses: 0 } }],
  [/'a': mappingLifetimeSeconds/, { a: { mapping: 'none', mappingLifetimeSeconds: 0.5 } }]
]
for (const [message, spec] of wrong) {
  test(`refuses ${JSON.stringify(spec)}`, () => assert.throws(() => checkSpec(spec), message))
}

/** Each row: a spec, then of some of its nodes the address, and the one that the internet sees. */
const plans: [string, LabSpec, Record<string, [ip: string, publicIp: string]>][] = [
  ['public', { a: {}, b: { addresses: 2 } }, { a: ['11.1.0.10', '11.1.0.10'], b: ['11.2.0.10', '11.2.0.10'] }],
  ['NAT', { a: { behind: 'n' }, n: { mapping: 'endpoint-independent' } }, { a: ['192.168.2.10', '11.2.0.10'] }],
  ['firewall', { f: { mapping: 'none' }, a: { behind: 'f' } }, { a: ['11.1.1.10', '11.1.1.10'] }],
  [
    'two in a row, the host first',
    {
      a: { behind: 'home' },
      home: { mapping: 'endpoint-independent', behind: 'carrier' },
      carrier: { mapping: 'address-and-port-dependent' }
    },
    { a: ['192.168.2.10', '11.3.0.10'], home: ['100.64.3.10', '11.3.0.10'], carrier: ['11.3.0.10', '11.3.0.10'] }
  ],
  [
    'a firewall behind a NAT',
    { n: { mapping: 'endpoint-independent' }, f: { mapping: 'none', behind: 'n' }, a: { behind: 'f' } },
    { a: ['192.168.2.10', '11.1.0.10'] }
  ],
  [
    'neighbours, one with two addresses',
    { n: { mapping: 'endpoint-independent' }, a: { behind: 'n', addresses: 2 }, b: { behind: 'n' } },
    { a: ['192.168.1.10', '11.1.0.10'], b: ['192.168.1.12', '11.1.0.10'] }
  ]
]
for (const [name, spec, expected] of plans) {
  test(`addresses: ${name}`, () => {
    checkSpec(spec)
    for (const [host, [ip, publicIp]] of Object.entries(expected)) {
      const node = planLab(spec).nodes.find(node => node.name === host)!
      assert.deepEqual([node.ip, node.publicIp], [ip, publicIp], host)
    }
  })
}

test('networks that are not translated are routed from the internet down', () => {
  const plan = planLab({
    outer: { mapping: 'endpoint-independent' },
    inner: { mapping: 'none', behind: 'outer' },
    a: { behind: 'inner', ipv6: true }
  })
  assert.deepEqual(plan.routes, [
    { network: '2a0b:beef:1:1::/64', family: 6, via: '2a0b:beef:1::10' },
    { network: '2a0b:beef:2:1::/64', family: 6, via: '2a0b:beef:1::10' }
  ])
  assert.deepEqual(plan.nodes[0]!.routes, [
    { network: '2a0b:beef:2:1::/64', family: 6, via: '2a0b:beef:1:1::10' },
    { network: '192.168.2.0/24', family: 4, via: '100.64.1.10' }
  ])
})

test('IPv6 is only where it was asked for, and on the way there', () => {
  const { nodes } = planLab({
    n: { mapping: 'endpoint-independent' },
    a: { behind: 'n', ipv6: true },
    b: { behind: 'n' }
  })
  assert.deepEqual(
    nodes.map(node => node.ip6),
    ['2a0b:beef:1::10', '2a0b:beef:1:1::10', undefined]
  )
})

/** Each row: a router, and whose words those are. */
const engines: ['kernel' | 'sim', RouterSpec][] = [
  ['kernel', { mapping: 'endpoint-independent' }],
  ['kernel', { mapping: 'endpoint-independent', hairpin: true, unsolicited: 'reset', mappingLifetimeSeconds: 5 }],
  ['kernel', { mapping: 'endpoint-independent', allocation: 'preserving', filtering: 'address-and-port-dependent' }],
  ['kernel', { mapping: 'address-and-port-dependent', allocation: 'random', parity: false, nat66: false }],
  ['kernel', { mapping: 'none', blockUdp: true }],
  ['sim', { mapping: 'endpoint-independent', engine: 'sim' }],
  ['sim', { mapping: 'address-dependent' }],
  ['sim', { mapping: 'endpoint-independent', filtering: 'endpoint-independent' }],
  ['sim', { mapping: 'endpoint-independent', allocation: 'random' }],
  ['sim', { mapping: 'address-and-port-dependent', allocation: 'sequential' }],
  ['sim', { mapping: 'address-and-port-dependent', hairpin: true }],
  ['sim', { mapping: 'endpoint-independent', lifetimes: { udpMs: 500 } }],
  ['sim', { mapping: 'endpoint-independent', nat66: true }]
]
for (const [engine, router] of engines) {
  test(`${engine} for ${JSON.stringify(router)}`, () => {
    checkSpec({ router })
    assert.equal(engineOf(router), engine)
  })
}

test('an IPv6-only host has no IPv4 address, and is seen as its router', () => {
  const { nodes } = planLab({
    n: { mapping: 'endpoint-independent', nat64: true },
    a: { behind: 'n', ipv6: true, ipv4: false }
  })
  assert.deepEqual([nodes[1]!.ip, nodes[1]!.ips, nodes[1]!.publicIp], ['', [], '11.1.0.10'])
})

test('behind a router that translates IPv6, addresses are unique local ones, and nobody routes to them', () => {
  const plan = planLab({
    outer: { mapping: 'endpoint-independent', nat66: true },
    inner: { mapping: 'endpoint-independent', behind: 'outer' },
    a: { behind: 'inner', ipv6: true }
  })
  assert.deepEqual(
    plan.nodes.map(node => node.ip6),
    ['2a0b:beef:1::10', 'fd00:beef:1:1::10', 'fd00:beef:2:1::10']
  )
  assert.deepEqual(plan.routes, [])
  assert.deepEqual(plan.nodes[0]!.routes, [{ network: 'fd00:beef:2:1::/64', family: 6, via: 'fd00:beef:1:1::10' }])
})
