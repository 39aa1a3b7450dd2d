import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SimPacket } from '../../../src/sim/nat/index.ts'
import { endpoint, Probe, PUBLIC, packet } from './probe.ts'

const INSIDE = '192.168.1.10:5000'
const REMOTE = '11.2.0.10:4001'
const OUTSIDE = `${PUBLIC}:5000`
const easy = { mapping: 'endpoint-independent' } as const

describe('lifetimes', () => {
  test('inbound packets keep a mapping alive, unless they do not (RFC 4787 REQ-6)', () => {
    for (const [inboundRefresh, after] of [
      [true, `inside ${REMOTE} > ${INSIDE}`],
      [false, 'drop no-mapping']
    ] as const) {
      const probe = new Probe({ ...easy, inboundRefresh, lifetimes: { udpMs: 1000, udpStreamMs: 1000 } })
      probe.out(INSIDE, REMOTE)
      for (let i = 0; i < 3; i++) {
        probe.nowMs += 600
        if (i < 2) probe.in(REMOTE, OUTSIDE)
      }
      assert.equal(probe.in(REMOTE, OUTSIDE), after)
    }
  })

  test('a stranger who is let in does not keep a mapping alive where inbound packets do not', () => {
    const probe = new Probe({
      ...easy,
      filtering: 'endpoint-independent',
      inboundRefresh: false,
      lifetimes: { udpMs: 1000, udpStreamMs: 1000 }
    })
    probe.out(INSIDE, REMOTE)
    probe.nowMs = 900
    assert.equal(probe.in('11.3.0.10:1', OUTSIDE), `inside 11.3.0.10:1 > ${INSIDE}`)
    probe.nowMs = 1000
    assert.equal(probe.in('11.3.0.10:1', OUTSIDE), 'drop no-mapping')
  })

  test('who was not written to for long is filtered again, while the mapping lives', () => {
    const probe = new Probe({ ...easy, lifetimes: { udpMs: 1000 } })
    probe.out(INSIDE, REMOTE)
    probe.nowMs = 800
    probe.out(INSIDE, '11.3.0.10:1')
    probe.nowMs = 1200
    assert.equal(probe.in(REMOTE, OUTSIDE), 'drop filtered')
    assert.equal(probe.in('11.3.0.10:1', OUTSIDE), `inside 11.3.0.10:1 > ${INSIDE}`)
  })

  test('echo identifiers live as long as they are said to', () => {
    const probe = new Probe({ ...easy, lifetimes: { icmpMs: 500 } })
    const ask = { icmp: { type: 'echo-request' } } as const
    const answer = { icmp: { type: 'echo-reply' } } as const
    assert.equal(probe.out('192.168.1.10:77', '11.2.0.10:0', 'icmp', ask), `outside ${PUBLIC}:77 > 11.2.0.10:0`)
    assert.equal(probe.out('192.168.1.11:77', '11.2.0.10:0', 'icmp', ask), `outside ${PUBLIC}:1024 > 11.2.0.10:0`)
    assert.equal(probe.in('11.2.0.10:0', `${PUBLIC}:77`, 'icmp', answer), 'inside 11.2.0.10:0 > 192.168.1.10:77')
    assert.equal(probe.in('11.2.0.10:0', `${PUBLIC}:1024`, 'icmp', answer), 'inside 11.2.0.10:0 > 192.168.1.11:77')
    assert.equal(probe.in('11.3.0.10:0', `${PUBLIC}:77`, 'icmp', answer), 'drop filtered')
    probe.nowMs = 500
    assert.equal(probe.in('11.2.0.10:0', `${PUBLIC}:77`, 'icmp', answer), 'drop no-mapping')
  })

  test('an echo of identifier 0 is not that of whoever answers', () => {
    const probe = new Probe({ ...easy, filtering: 'endpoint-independent' })
    probe.out('192.168.1.10:0', '11.2.0.10:0', 'icmp', { icmp: { type: 'echo-request' } })
    assert.equal(probe.in('11.3.0.10:9', `${PUBLIC}:0`, 'icmp', { icmp: { type: 'echo-request' } }), 'drop no-mapping')
  })
})

describe('TCP', () => {
  const lifetimes = { tcpTransitoryMs: 1000, tcpEstablishedMs: 60_000 }
  const open = () => {
    const probe = new Probe({ ...easy, lifetimes })
    probe.tcpOut(INSIDE, REMOTE, 'S')
    probe.tcpIn(REMOTE, OUTSIDE, 'SA')
    probe.tcpOut(INSIDE, REMOTE, 'A')
    return probe
  }

  test('a connection lives long once it is established, and not before', () => {
    const probe = open()
    probe.nowMs = 59_999
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'A'), `inside ${REMOTE} > ${INSIDE}`)
    const half = new Probe({ ...easy, lifetimes })
    half.tcpOut(INSIDE, REMOTE, 'S')
    half.tcpIn(REMOTE, OUTSIDE, 'SA')
    half.nowMs = 1000
    assert.equal(half.tcpIn(REMOTE, OUTSIDE, 'SA'), 'drop no-mapping')
  })

  for (const [name, segments] of Object.entries({
    'two FINs': [
      ['out', 'FA'],
      ['in', 'FA'],
      ['out', 'A']
    ],
    'a reset from outside': [['in', 'R']],
    'a reset from inside': [['out', 'RA']]
  } as const)) {
    test(`${name}: what is left is remembered for as short as an opening`, () => {
      const probe = open()
      for (const [way, names] of segments) {
        const told = way === 'out' ? probe.tcpOut(INSIDE, REMOTE, names) : probe.tcpIn(REMOTE, OUTSIDE, names)
        assert.match(told, /^(in|out)side/)
      }
      probe.nowMs = 999
      assert.equal(probe.nat.mappings(probe.nowMs).length, 1)
      probe.nowMs = 1000
      assert.equal(probe.nat.mappings(probe.nowMs).length, 0)
    })
  }

  test('one FIN leaves the other half open', () => {
    const probe = open()
    probe.tcpOut(INSIDE, REMOTE, 'FA')
    probe.nowMs = 59_999
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'A'), `inside ${REMOTE} > ${INSIDE}`)
  })

  test('a closed connection can be opened anew', () => {
    const probe = open()
    probe.tcpIn(REMOTE, OUTSIDE, 'R')
    probe.tcpOut(INSIDE, REMOTE, 'S')
    probe.tcpIn(REMOTE, OUTSIDE, 'SA')
    probe.tcpOut(INSIDE, REMOTE, 'A')
    probe.nowMs = 59_999
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'A'), `inside ${REMOTE} > ${INSIDE}`)
  })

  test('crossing SYNs give one connection (simultaneous open)', () => {
    const probe = new Probe({ ...easy, lifetimes })
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'S'), 'drop no-mapping')
    assert.equal(probe.tcpOut(INSIDE, REMOTE, 'S'), `outside ${OUTSIDE} > ${REMOTE}`)
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'S'), `inside ${REMOTE} > ${INSIDE}`)
    assert.equal(probe.tcpOut(INSIDE, REMOTE, 'SA'), `outside ${OUTSIDE} > ${REMOTE}`)
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'SA'), `inside ${REMOTE} > ${INSIDE}`)
    probe.tcpOut(INSIDE, REMOTE, 'A')
    probe.nowMs = 59_999
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'A'), `inside ${REMOTE} > ${INSIDE}`)
  })

  /** Each row: the segment, then what a NAT that drops and one that resets make of it. */
  const unsolicited: [names: string, to: string, drop: string, reset: string][] = [
    ['S', OUTSIDE, 'drop filtered', `reply ${OUTSIDE} > 11.3.0.10:9`],
    ['A', OUTSIDE, 'drop filtered', `reply ${OUTSIDE} > 11.3.0.10:9`],
    ['R', OUTSIDE, 'drop filtered', 'drop filtered'],
    ['S', `${PUBLIC}:9`, 'drop no-mapping', `reply ${PUBLIC}:9 > 11.3.0.10:9`],
    ['RA', `${PUBLIC}:9`, 'drop no-mapping', 'drop no-mapping']
  ]
  for (const [names, to, drop, reset] of unsolicited) {
    test(`unsolicited ${names} to ${to === OUTSIDE ? 'a mapping' : 'nothing'}`, () => {
      for (const [word, expected] of [
        ['drop', drop],
        ['reset', reset]
      ] as const) {
        const probe = new Probe({ ...easy, unsolicited: word })
        probe.tcpOut(INSIDE, REMOTE, 'S')
        assert.equal(probe.tcpIn('11.3.0.10:9', to, names), expected)
      }
    })
  }

  test('what resets TCP is silent towards UDP', () => {
    const probe = new Probe({ ...easy, unsolicited: 'reset' })
    assert.equal(probe.in(REMOTE, OUTSIDE), 'drop no-mapping')
  })

  test('a segment in the middle of nothing: picked up from inside, not from outside', () => {
    const probe = new Probe({ ...easy, filtering: 'endpoint-independent', lifetimes })
    assert.equal(probe.tcpOut(INSIDE, REMOTE, 'RA'), 'drop no-connection')
    assert.equal(probe.tcpOut(INSIDE, REMOTE, 'A'), `outside ${OUTSIDE} > ${REMOTE}`)
    assert.equal(probe.tcpIn('11.3.0.10:9', OUTSIDE, 'A'), 'drop no-connection')
    assert.equal(probe.tcpIn('11.3.0.10:9', OUTSIDE, 'SA'), 'drop no-connection')
    probe.nowMs = 59_999
    assert.equal(probe.tcpIn(REMOTE, OUTSIDE, 'A'), `inside ${REMOTE} > ${INSIDE}`)
  })
})

describe('ICMP errors', () => {
  const error = (from: string, to: string, about: SimPacket): Partial<SimPacket> & { from: string; to: string } => ({
    from: `${from}:0`,
    to: `${to}:0`,
    icmp: { type: 'unreachable', about }
  })

  test('about what has left: to the inside endpoint, with the inside endpoint quoted', () => {
    const probe = new Probe(easy)
    probe.out(INSIDE, REMOTE)
    const said = packet('11.9.0.1:0', `${PUBLIC}:0`, 'icmp', {
      icmp: { type: 'time-exceeded', about: packet(OUTSIDE, REMOTE, 'udp') }
    })
    const verdict = probe.nat.inbound(0, said)
    assert.ok('packet' in verdict && verdict.to === 'inside')
    assert.deepEqual(verdict.packet.source, endpoint('11.9.0.1:0'))
    assert.deepEqual(verdict.packet.destination, endpoint('192.168.1.10:0'))
    assert.ok(verdict.packet.icmp && 'about' in verdict.packet.icmp)
    assert.equal(verdict.packet.icmp.type, 'time-exceeded')
    assert.deepEqual(verdict.packet.icmp.about.source, endpoint(INSIDE))
    assert.deepEqual(verdict.packet.icmp.about.destination, endpoint(REMOTE))
  })

  test('about what has come in: from the public address, with the public endpoint quoted', () => {
    const probe = new Probe(easy)
    probe.out(INSIDE, REMOTE)
    const { from, to, ...more } = error('192.168.1.10', '11.2.0.10', packet(REMOTE, INSIDE, 'udp'))
    const verdict = probe.nat.outbound(0, packet(from, to, 'icmp', more))
    assert.ok('packet' in verdict && verdict.to === 'outside')
    assert.deepEqual(verdict.packet.source, endpoint(`${PUBLIC}:0`))
    assert.ok(verdict.packet.icmp && 'about' in verdict.packet.icmp)
    assert.deepEqual(verdict.packet.icmp.about.destination, endpoint(OUTSIDE))
  })

  test('through a hairpin, to the neighbour who sent it', () => {
    const probe = new Probe({ ...easy, hairpin: true })
    const neighbour = '192.168.1.11:6000'
    probe.out(neighbour, REMOTE)
    assert.equal(probe.out(INSIDE, `${PUBLIC}:6000`), `inside ${OUTSIDE} > ${neighbour}`)
    const { from, to, ...more } = error('192.168.1.11', PUBLIC, packet(OUTSIDE, neighbour, 'udp'))
    const verdict = probe.nat.outbound(0, packet(from, to, 'icmp', more))
    assert.ok('packet' in verdict && verdict.to === 'inside')
    assert.deepEqual(verdict.packet.destination, endpoint('192.168.1.10:0'))
    assert.ok(verdict.packet.icmp && 'about' in verdict.packet.icmp)
    assert.deepEqual(verdict.packet.icmp.about.source, endpoint(INSIDE))
    assert.deepEqual(verdict.packet.icmp.about.destination, endpoint(`${PUBLIC}:6000`))
  })

  test('about nothing that is known, and where they do not pass', () => {
    const known = new Probe(easy)
    known.out(INSIDE, REMOTE)
    const deaf = new Probe({ ...easy, icmpErrors: 'drop' })
    deaf.out(INSIDE, REMOTE)
    const lie = error('11.9.0.1', PUBLIC, packet(OUTSIDE, '11.3.0.10:1', 'udp'))
    const truth = error('11.9.0.1', PUBLIC, packet(OUTSIDE, REMOTE, 'udp'))
    assert.equal(known.in(lie.from, lie.to, 'icmp', { icmp: lie.icmp! }), 'drop no-mapping')
    assert.match(known.in(truth.from, truth.to, 'icmp', { icmp: truth.icmp! }), /^inside/)
    assert.equal(deaf.in(truth.from, truth.to, 'icmp', { icmp: truth.icmp! }), 'drop icmp-blocked')
  })
})

describe('what else passes, and what does not', () => {
  test('hairpin with the internal source: seen as the neighbour itself', () => {
    const probe = new Probe({ ...easy, hairpin: true, hairpinSource: 'internal' })
    probe.out('192.168.1.11:6000', REMOTE)
    assert.equal(probe.out(INSIDE, `${PUBLIC}:6000`), `inside ${INSIDE} > 192.168.1.11:6000`)
  })

  test('blocked UDP, switched', () => {
    const probe = new Probe({ ...easy, blockUdp: true })
    assert.equal(probe.out(INSIDE, REMOTE), 'drop udp-blocked')
    assert.equal(probe.tcpOut(INSIDE, REMOTE, 'S'), `outside ${OUTSIDE} > ${REMOTE}`)
    probe.nat.setBlockUdp(false)
    assert.equal(probe.out(INSIDE, REMOTE), `outside ${OUTSIDE} > ${REMOTE}`)
    probe.nat.setBlockUdp(true)
    assert.equal(probe.in(REMOTE, OUTSIDE), 'drop udp-blocked')
  })

  test('flushed, it knows nobody', () => {
    const probe = new Probe(easy)
    probe.out(INSIDE, REMOTE)
    probe.nat.addMapping(0, { protocol: 'tcp', internal: endpoint(INSIDE), lifetimeMs: 1e6 })
    probe.nat.flush()
    assert.equal(probe.in(REMOTE, OUTSIDE), 'drop no-mapping')
    assert.deepEqual(probe.nat.mappings(0), [])
  })

  test('IPv6: translated (NAT66), or filtered only', () => {
    const [inside, remote] = ['[fd00::10]:5000', '[2a0b:beef:2::10]:4001']
    const nat66 = new Probe(easy, ['2a0b:beef:1::10'])
    assert.equal(nat66.out(inside, remote), `outside [2a0b:beef:1::10]:5000 > ${remote}`)
    assert.equal(nat66.in(remote, '[2a0b:beef:1::10]:5000'), `inside ${remote} > ${inside}`)
    assert.equal(nat66.out(INSIDE, REMOTE), 'drop foreign-family')
    const firewall = new Probe({ mapping: 'none' }, [])
    assert.equal(firewall.in(remote, inside), 'drop no-mapping')
    assert.equal(firewall.out(inside, remote), `outside ${inside} > ${remote}`)
    assert.equal(firewall.in(remote, inside), `inside ${remote} > ${inside}`)
  })

  test('a packet goes on with whatever else is in it, and is itself left alone', () => {
    const probe = new Probe(easy)
    const whole = { ...packet(INSIDE, REMOTE, 'udp'), payload: Uint8Array.of(1, 2, 3) }
    const before = structuredClone(whole)
    const verdict = probe.nat.outbound(0, whole)
    assert.ok('packet' in verdict)
    assert.equal(verdict.packet.payload, whole.payload)
    assert.deepEqual(whole, before)
  })
})
