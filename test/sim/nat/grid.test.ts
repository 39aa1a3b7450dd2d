import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Dependence, PortAllocation } from '../../../src/core/behaviour.ts'
import { DEPENDENCES, PORT_ALLOCATIONS } from '../../../src/core/behaviour.ts'
import type { NatOptions, Protocol } from '../../../src/sim/nat/index.ts'
import { Probe, PUBLIC } from './probe.ts'

/** Two addresses of a server, two ports of each: what RFC 5780 probes with. */
const [A1, A2, B1, B2] = ['11.2.0.10:4001', '11.2.0.10:4002', '11.2.0.11:4001', '11.2.0.11:4002'] as const
const INSIDE = '192.168.1.10:5000'
const NEIGHBOUR = '192.168.1.11:6000'

/** How many public endpoints the four destinations see, by what the mapping depends on. */
const SEEN: Record<Dependence, number> = {
  'endpoint-independent': 1,
  'address-dependent': 2,
  'address-and-port-dependent': 4
}
/** Who may answer after a packet to A1. */
const ADMITTED: Record<Dependence, readonly string[]> = {
  'endpoint-independent': [A1, A2, B1, B2],
  'address-dependent': [A1, A2],
  'address-and-port-dependent': [A1]
}

function checkMapping(options: NatOptions, protocol: Protocol): void {
  const probe = new Probe(options)
  const seen = [A1, A2, B1, B2].map(to => probe.seenBy(INSIDE, to, protocol))
  if (options.mapping === 'none') {
    assert.deepEqual(seen, Array(4).fill(INSIDE))
    return
  }
  assert.equal(new Set(seen).size, SEEN[options.mapping], `${seen}`)
  assert.ok(seen.every(endpoint => endpoint.startsWith(`${PUBLIC}:`)))
  // what depends on the address is the same for both ports of it, and not only as often different
  if (options.mapping === 'address-dependent') assert.deepEqual([seen[0], seen[2]], [seen[1], seen[3]])
  assert.deepEqual(
    [A1, A2, B1, B2].map(to => probe.seenBy(INSIDE, to, protocol)),
    seen,
    'a mapping stays'
  )
}

function checkFiltering(options: NatOptions, protocol: Protocol): void {
  const probe = new Probe(options)
  const more = protocol === 'tcp' ? { tcp: { syn: true, ack: false, fin: false, rst: false } } : {}
  const seen = probe.seenBy(INSIDE, A1, protocol)
  const admitted = [A1, A2, B1, B2].filter(
    from => probe.in(from, seen, protocol, more) === `inside ${from} > ${INSIDE}`
  )
  assert.deepEqual(admitted, ADMITTED[options.filtering ?? 'address-and-port-dependent'])
  const never = options.mapping === 'none' ? '192.168.1.10:5001' : `${PUBLIC}:${Number(seen.split(':')[1]) ^ 512}`
  assert.equal(probe.in(A1, never, protocol, more), 'drop no-mapping')
}

function checkAllocation(options: NatOptions, protocol: Protocol): void {
  if (options.mapping === 'none') return
  const probe = new Probe(options)
  const ports = Array.from({ length: 20 }, (_, i) =>
    Number(probe.seenBy(`192.168.1.${10 + i}:5000`, A1, protocol).split(':')[1])
  )
  assert.equal(new Set(ports).size, ports.length)
  const steps = new Set(ports.slice(1).map((port, i) => port - ports[i]!))
  switch (options.allocation) {
    case 'preserving':
      assert.equal(ports[0], 5000)
      assert.equal(probe.seenBy('192.168.1.10:7777', A1, protocol), `${PUBLIC}:7777`)
      break
    case 'sequential':
      assert.deepEqual([...steps], [1])
      break
    case 'random':
      assert.ok(steps.size > 15, `${ports}`)
  }
}

function checkHairpin(options: NatOptions, protocol: Protocol): void {
  const probe = new Probe(options)
  const more = protocol === 'tcp' ? { tcp: { syn: true, ack: false, fin: false, rst: false } } : {}
  if (options.mapping === 'none') return
  const target = probe.seenBy(NEIGHBOUR, A1, protocol)
  const got = probe.out(INSIDE, target, protocol, more)
  if (!options.hairpin) {
    assert.equal(got, 'drop no-hairpin')
    return
  }
  const [, from] = /^inside (11\.1\.0\.10:\d+) > 192\.168\.1\.11:6000$/.exec(got) ?? []
  assert.ok(from, got)
  const back = protocol === 'tcp' ? { tcp: { syn: true, ack: true, fin: false, rst: false } } : {}
  assert.equal(probe.out(NEIGHBOUR, from, protocol, back), `inside ${target} > ${INSIDE}`)
  assert.equal(probe.out(INSIDE, `${PUBLIC}:9`, protocol, more), 'drop no-mapping')
}

function checkLifetime(options: NatOptions, udpMs: number, udpStreamMs: number): void {
  const probe = new Probe(options)
  const seen = probe.seenBy(INSIDE, A1)
  probe.nowMs = udpMs - 1
  assert.equal(probe.in(A1, seen), `inside ${A1} > ${INSIDE}`)
  // both have spoken
  probe.nowMs += udpStreamMs - 1
  assert.equal(probe.in(A1, seen), `inside ${A1} > ${INSIDE}`)
  probe.nowMs += udpStreamMs
  assert.equal(probe.in(A1, seen), 'drop no-mapping')
}

const lifetimes = [
  [1000, 5000],
  [30_000, 120_000]
] as const

for (const mapping of [...DEPENDENCES, 'none'] as const) {
  describe(`mapping ${mapping}`, () => {
    for (const filtering of DEPENDENCES)
      for (const allocation of PORT_ALLOCATIONS satisfies readonly PortAllocation[])
        for (const hairpin of [false, true])
          for (const [udpMs, udpStreamMs] of lifetimes)
            test(`filtering ${filtering}, ${allocation}, hairpin ${hairpin}, ${udpMs / 1000} s`, () => {
              const options = { mapping, filtering, allocation, hairpin, lifetimes: { udpMs, udpStreamMs } }
              for (const protocol of ['udp', 'tcp'] as const) {
                checkMapping(options, protocol)
                checkFiltering(options, protocol)
                checkAllocation(options, protocol)
                checkHairpin(options, protocol)
              }
              checkLifetime(options, udpMs, udpStreamMs)
            })
  })
}
