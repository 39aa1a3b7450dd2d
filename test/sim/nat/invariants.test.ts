import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DEPENDENCES, PORT_ALLOCATIONS } from '../../../src/core/behaviour.ts'
import type { NatOptions, SimPacket } from '../../../src/sim/nat/index.ts'
import { flags, Probe, packet, text } from './probe.ts'

const PUBLIC = ['11.1.0.10', '11.1.0.11']
/** Few of everything, so that they meet. */
const inside = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2000, max: 2004 }))
const port = fc.integer({ min: 1995, max: 2012 })
const remote = fc.tuple(fc.integer({ min: 1, max: 3 }), port)
const kind = fc.constantFrom('udp', 'S', 'A', 'SA', 'FA', 'R', 'RA')
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('out' as const), inside, remote, kind }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('in' as const), at: fc.nat(1), port, remote, kind }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const), inside, at: fc.nat(1), port, kind }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ask' as const), inside, at: fc.nat(1), port }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unask' as const), at: fc.nat(1), port }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }) }
)
const options: fc.Arbitrary<NatOptions> = fc.record({
  mapping: fc.constantFrom(...DEPENDENCES, 'none'),
  filtering: fc.constantFrom(...DEPENDENCES),
  allocation: fc.constantFrom(...PORT_ALLOCATIONS),
  parity: fc.boolean(),
  pooling: fc.constantFrom('paired', 'arbitrary'),
  hairpin: fc.boolean(),
  hairpinSource: fc.constantFrom('external', 'internal'),
  inboundRefresh: fc.boolean(),
  unsolicited: fc.constantFrom('drop', 'reset'),
  maxMappings: fc.constantFrom(5, 1000),
  maxMappingsPerHost: fc.constantFrom(3, 1000),
  maxFlowsPerMapping: fc.constantFrom(2, 1000),
  ports: fc.constant({ first: 2000, last: 2010 }),
  lifetimes: fc.constant({ udpMs: 1000, udpStreamMs: 2000, tcpTransitoryMs: 1000, tcpEstablishedMs: 5000 })
})

const insideText = ([host, number]: [number, number]) => `192.168.1.${host}:${number}`
const remoteText = ([host, number]: [number, number]) => `11.2.0.${host}:${number}`
const about = (kind: string): Partial<SimPacket> => (kind === 'udp' ? {} : { tcp: flags(kind) })
const protocolOf = (kind: string) => (kind === 'udp' ? 'udp' : 'tcp')

test('whatever passes: one owner for each public endpoint, bounded tables, and no word that is not true', () => {
  fc.assert(
    fc.property(options, fc.array(action, { maxLength: 120 }), (behaviour, actions) => {
      const probe = new Probe(behaviour, PUBLIC)
      const { nat } = probe
      const translates = behaviour.mapping !== 'none'
      for (const step of actions) {
        const before = new Map(nat.mappings(probe.nowMs).map(view => [`${view.protocol} ${text(view.external)}`, view]))
        if (step.do === 'wait') probe.nowMs += step.ms
        else if (step.do === 'out') {
          const sent = packet(insideText(step.inside), remoteText(step.remote), protocolOf(step.kind), about(step.kind))
          const verdict = nat.outbound(probe.nowMs, sent)
          if ('packet' in verdict) {
            const { packet } = verdict
            assert.equal(verdict.to, 'outside')
            assert.deepEqual(packet.destination, sent.destination)
            const view = nat
              .mappings(probe.nowMs)
              .find(view => view.protocol === packet.protocol && text(view.external) === text(packet.source))
            // what leaves is what the table says, and whoever was sent to may answer
            assert.deepEqual(view?.internal, sent.source)
            if (!translates) assert.deepEqual(packet.source, sent.source)
            else assert.ok(PUBLIC.includes(packet.source.address))
            if (step.kind === 'udp') {
              const answer = probe.in(remoteText(step.remote), text(packet.source))
              assert.equal(answer, `inside ${remoteText(step.remote)} > ${insideText(step.inside)}`)
            }
          }
        } else if (step.do === 'in') {
          const to = translates ? `${PUBLIC[step.at]}:${step.port}` : `192.168.1.${step.at + 1}:${step.port}`
          const sent = packet(remoteText(step.remote), to, protocolOf(step.kind), about(step.kind))
          const verdict = nat.inbound(probe.nowMs, sent)
          const mapped = before.get(`${sent.protocol} ${to}`)
          if ('packet' in verdict) {
            assert.equal(verdict.to, 'inside')
            assert.deepEqual(verdict.packet.source, sent.source)
            assert.deepEqual(verdict.packet.destination, mapped?.internal)
          } else if ('reply' in verdict) {
            assert.equal(behaviour.unsolicited, 'reset')
            assert.deepEqual([verdict.reply.source, verdict.reply.destination], [sent.destination, sent.source])
            assert.ok(verdict.reply.tcp?.rst === true && sent.tcp?.rst === false)
          }
          // a packet from outside makes no mapping
          assert.ok(nat.mappings(probe.nowMs).length <= before.size)
        } else if (step.do === 'turn') {
          const to = `${PUBLIC[step.at]}:${step.port}`
          const verdict = nat.outbound(
            probe.nowMs,
            packet(insideText(step.inside), to, protocolOf(step.kind), about(step.kind))
          )
          if ('packet' in verdict && translates) {
            assert.ok(behaviour.hairpin && verdict.to === 'inside')
            assert.equal(verdict.packet.source.address.startsWith('192.168.'), behaviour.hairpinSource === 'internal')
          }
        } else if (step.do === 'ask') {
          const external = { address: PUBLIC[step.at]!, port: step.port }
          const [address, number] = insideText(step.inside).split(':')
          const internal = { address: address!, port: Number(number) }
          const owner = before.get(`udp ${text(external)}`)
          const view = nat.addMapping(probe.nowMs, { protocol: 'udp', internal, external, lifetimeMs: 2500 })
          if (view && translates) assert.deepEqual(view.external, external)
          if (view && owner && translates) assert.deepEqual(owner.internal, internal)
        } else {
          nat.removeMapping(probe.nowMs, 'udp', { address: PUBLIC[step.at]!, port: step.port })
        }
        const views = nat.mappings(probe.nowMs)
        assert.equal(new Set(views.map(view => `${view.protocol} ${text(view.external)}`)).size, views.length)
        assert.ok(views.length <= behaviour.maxMappings!)
        for (const view of views) {
          assert.ok(view.expiresAtMs > probe.nowMs)
          const ofHost = views.filter(other => other.internal.address === view.internal.address)
          assert.ok(ofHost.length <= behaviour.maxMappingsPerHost!)
        }
      }
      probe.nowMs += 100_000
      assert.deepEqual(nat.mappings(probe.nowMs), [])
    }),
    { seed: 4787, numRuns: 400 }
  )
})

test('strangers cannot fill what they are let into', () => {
  const probe = new Probe(
    { mapping: 'endpoint-independent', filtering: 'endpoint-independent', maxFlowsPerMapping: 100 },
    PUBLIC
  )
  const seen = probe.seenBy('192.168.1.1:2000', '11.2.0.1:1')
  const told = Array.from({ length: 1000 }, (_, i) => probe.in(`11.3.0.1:${i + 1}`, seen).split(' ')[0])
  assert.equal(told.filter(word => word === 'inside').length, 99)
  assert.equal(probe.in('11.2.0.1:1', seen), 'inside 11.2.0.1:1 > 192.168.1.1:2000')
  probe.nowMs = 119_999
  probe.out('192.168.1.1:2000', '11.2.0.1:1')
  probe.nowMs = 120_001
  assert.match(probe.in('11.3.0.2:1', seen), /^inside/, 'there is room when they have gone')
})
