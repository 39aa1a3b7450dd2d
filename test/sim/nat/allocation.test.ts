import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NatOptions } from '../../../src/sim/nat/index.ts'
import { Probe, PUBLIC } from './probe.ts'

const REMOTE = '11.2.0.10:4001'
const base = { mapping: 'endpoint-independent' } as const

/** The public ports of the same port on one host after the other. */
function portsOf(options: NatOptions, insidePorts: readonly number[]): number[] {
  const probe = new Probe(options)
  return insidePorts.map((port, i) => Number(probe.seenBy(`192.168.1.${i + 1}:${port}`, REMOTE).split(':')[1]))
}
const differences = (ports: readonly number[]) => ports.slice(1).map((port, i) => port - ports[i]!)

/** Each row: what was asked for, the ports inside, what the differences outside are. */
const steps: [NatOptions, number[], number[]][] = [
  [{ ...base, allocation: 'sequential' }, [5, 5, 5, 5], [1, 1, 1]],
  [{ ...base, allocation: 'sequential', step: 2 }, [5, 5, 5, 5], [2, 2, 2]],
  [{ ...base, allocation: 'sequential', step: -3 }, [5, 5, 5, 5], [-3, -3, -3]],
  [{ ...base, allocation: 'sequential', step: 2, parity: true }, [5, 5, 5, 5], [2, 2, 2]],
  [{ ...base, allocation: 'sequential', parity: true }, [5, 5, 5, 5], [2, 2, 2]],
  [{ ...base, allocation: 'sequential', parity: true }, [5, 6, 7, 8], [1, 1, 1]]
]
for (const [options, inside, expected] of steps) {
  test(`step ${options.step ?? 1}, parity ${options.parity ?? false}, ports ${inside}`, () => {
    assert.deepEqual(differences(portsOf(options, inside)), expected)
  })
}

test('parity is kept by every allocation', () => {
  for (const allocation of ['preserving', 'sequential', 'random'] as const) {
    const inside = Array.from({ length: 40 }, (_, i) => 5000 + (i % 3))
    const outside = portsOf({ ...base, allocation, parity: true }, inside)
    assert.deepEqual(
      outside.map(port => port % 2),
      inside.map(port => port % 2),
      allocation
    )
  }
})

test('a port that is taken is not preserved, and the next one is', () => {
  assert.deepEqual(portsOf({ ...base }, [5000, 5000, 5001]), [5000, 5001, 5002])
  assert.deepEqual(portsOf({ ...base, parity: true }, [5000, 5000, 5001]), [5000, 5002, 5001])
})

test('a small range is used up to its last port, then there is none', () => {
  for (const allocation of ['preserving', 'sequential', 'random'] as const) {
    const probe = new Probe({ ...base, allocation, ports: { first: 2000, last: 2009 }, lifetimes: { udpMs: 1000 } })
    const seen = Array.from({ length: 10 }, (_, i) => probe.seenBy(`192.168.1.${i}:2000`, REMOTE))
    assert.equal(new Set(seen).size, 10)
    assert.equal(probe.out('192.168.1.99:2000', REMOTE), 'drop no-port')
    probe.nowMs = 1000
    assert.ok(probe.seenBy('192.168.1.99:2000', REMOTE), 'what has expired is free')
  }
})

test('protocols have ports of their own', () => {
  const probe = new Probe(base)
  assert.equal(probe.seenBy('192.168.1.1:5000', REMOTE, 'udp'), `${PUBLIC}:5000`)
  assert.equal(probe.seenBy('192.168.1.2:5000', REMOTE, 'tcp'), `${PUBLIC}:5000`)
})

test('pooling: paired keeps a host to one address, arbitrary does not', () => {
  const pool = ['11.1.0.10', '11.1.0.11', '11.1.0.12']
  const addressesOf = (pooling: 'paired' | 'arbitrary', host: string) => {
    const probe = new Probe({ ...base, pooling }, pool)
    return new Set(Array.from({ length: 30 }, (_, i) => probe.seenBy(`${host}:${5000 + i}`, REMOTE).split(':')[0]))
  }
  const hosts = Array.from({ length: 30 }, (_, i) => `192.168.1.${i + 1}`)
  for (const host of hosts) assert.equal(addressesOf('paired', host).size, 1)
  assert.equal(new Set(hosts.flatMap(host => [...addressesOf('paired', host)])).size, 3, 'all of the pool is used')
  assert.equal(addressesOf('arbitrary', hosts[0]!).size, 3)
})

test('the same seed, the same ports', () => {
  const run = (seed: number) => {
    const probe = new Probe({ mapping: 'address-and-port-dependent', allocation: 'random' }, [PUBLIC], seed)
    return Array.from({ length: 10 }, (_, i) => probe.seenBy('192.168.1.1:5000', `11.2.0.10:${i + 1}`))
  }
  assert.deepEqual(run(7), run(7))
  assert.notDeepEqual(run(7), run(8))
})

/** Each row: what is wrong with it, and what says so. */
const wrong: [RegExp, object][] = [
  [/mapping is .*; not 'full-cone'/, { mapping: 'full-cone' }],
  [/filtering is/, { ...base, filtering: 'none' }],
  [/allocation is/, { ...base, allocation: 'any' }],
  [/unsolicited is drop, reset/, { ...base, unsolicited: 'accept' }],
  [/ports\.first to ports\.last/, { ...base, ports: { first: 0, last: 9 } }],
  [/ports\.first to ports\.last/, { ...base, ports: { first: 9, last: 9 } }],
  [/step is/, { ...base, step: 0 }],
  [/step is/, { ...base, step: 1.5 }],
  [/lifetimes\.udpMs/, { ...base, lifetimes: { udpMs: 0 } }],
  [/maxMappings is/, { ...base, maxMappings: 0 }]
]
for (const [message, options] of wrong) {
  test(`refuses ${JSON.stringify(options)}`, () => assert.throws(() => new Probe(options as NatOptions), message))
}
test('refuses public addresses of two families, none, or names', () => {
  for (const addresses of [[], ['11.1.0.10', '2a0b::1'], ['router']]) {
    assert.throws(() => new Probe(base, addresses), /public addresses of one family/)
  }
})
