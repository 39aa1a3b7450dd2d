import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explanationText } from '../../src/traversal/explain/text.ts'
import { type Explanation, explanationOf } from '../../src/traversal/explain.ts'
import { BLOCKED, other, RANDOM, summary, UNTRANSLATED } from './summaries.ts'

const HARD: Explanation = explanationOf({
  peer: '12D3KooWBob',
  path: { kind: 'relay', transport: 'quic', remote: '11.0.0.1:4001', technique: 'relay' },
  mine: summary({ udp4: RANDOM, tcp4: RANDOM }),
  theirs: other(),
  plan: [
    { technique: 'relay', action: 'take', why: 'connected', startMs: 0 },
    { technique: 'reverse', action: 'skip', why: 'peer-not-public', startMs: 0 },
    { technique: 'birthday', action: 'take', why: 'connected', startMs: 0 }
  ],
  attempts: [
    { technique: 'relay', outcome: 'ok', reason: 'connected', ms: 80.4 },
    { technique: 'carrier-pigeon', outcome: 'failed', reason: 'refused', ms: 90, detail: 'no\ncrumbs' },
    { technique: 'birthday', outcome: 'failed', reason: 'no-answer', ms: 4_000, detail: '2,048 probes' },
    { technique: 'birthday', outcome: 'failed', reason: 'no-answer', ms: 4_120, detail: '2,048 probes' }
  ]
})

describe('an explanation for people', () => {
  it('is what it comes to, the networks, a line for each technique, and what would help', () => {
    assert.equal(explanationText(HARD, { columns: 100, paint: plain() }), PAGE)
  })

  it('names what has not ended yet', () => {
    const text = explanationText(explanationOf({ ...HARD, attempts: [] }), { columns: 100, paint: plain() })
    assert.match(text, /^relayed so far; under way: birthday$/m)
    assert.match(text, /^ {2}birthday {4}waiting {11}connected: /m)
  })

  it('names hubs that have lied, and without a connection those too that were of no help', () => {
    const lookups = [
      { hub: '12D3KooWFirst', outcome: 'found', ms: 40 },
      { hub: '12D3KooWLiar', outcome: 'wrong-peer', ms: 41, detail: 'Bob has\nnot signed it' },
      { hub: '12D3KooWSlow', outcome: 'silent', ms: 5_000 },
      { hub: '12D3KooWEmpty', outcome: 'none', ms: 40 }
    ] as const
    const told = (explanation: Explanation) => explanationText(explanation).match(/the hub .*/g)
    const lie = 'the hub 12D3KooWLiar answered with a record that somebody else signed (Bob has not signed it)'
    assert.deepEqual(told(explanationOf({ ...HARD, lookups })), [lie])
    const slow = 'the hub 12D3KooWSlow did not answer in time'
    assert.deepEqual(told(explanationOf({ ...HARD, path: null, lookups })), [lie, slow])
    assert.deepEqual(told(explanationOf(HARD)), null)
  })

  it('of a direct path is short', () => {
    const { plan: _, ...rest } = HARD
    const direct = explanationOf({
      ...rest,
      plan: [],
      path: { kind: 'direct', transport: 'quic', remote: '11.2.0.10:40001', technique: 'reverse' },
      mine: null,
      theirs: null,
      attempts: [{ technique: 'reverse', outcome: 'ok', reason: 'connected', ms: 210 }]
    })
    assert.equal(
      explanationText(direct),
      'direct by reverse: the other side dialled us back at an address of ours\n\n  reverse     ok        210 ms'
    )
  })

  it('without columns is not folded, and is the same otherwise', () => {
    const words = (text: string) => text.split(/\s+/).join(' ')
    const text = explanationText(HARD)
    assert.equal(words(text), words(PAGE))
    assert.ok(text.split('\n').some(line => line.length > 150))
  })

  it('colours what became of a technique, and nothing else in its line', () => {
    const attempts = [{ technique: 'ok-token', outcome: 'failed', reason: 'refused', ms: 3 }] as const
    const paint = { ...plain(), red: (text: string) => `<${text}>` }
    const text = explanationText(explanationOf({ ...HARD, plan: [], attempts }), { columns: 200, paint })
    assert.match(text, /^ {2}ok-token {4}<failed> {6}3 ms {2}refused: the other side answered, and refused$/m)
  })

  for (const [what, network, line] of [
    ['a public address', summary({ udp4: UNTRANSLATED, reachability: 'public' }), 'no NAT; anybody gets in'],
    ['a mapped port', summary({ mapped: true }), 'NAT, same port for every peer; a port is mapped for everybody'],
    ['a random NAT', summary({ udp4: RANDOM }), 'NAT, another port for each peer (random); lets in answers only'],
    ['UDP blocked', summary({ udp4: BLOCKED }), 'UDP is blocked, TCP passes'],
    ['IPv6 only', summary({ udp4: BLOCKED, tcp4: BLOCKED, udp6: UNTRANSLATED }), 'no UDP over IPv4; IPv6'],
    ['two ways out', summary({ uplinks: 2 }), 'NAT, same port for every peer; lets in answers only; 2 ways out'],
    ['nothing heard', summary({ udp4: BLOCKED, tcp4: BLOCKED }), 'too little is known of it'],
    ['nothing told', null, 'not known']
  ] as const) {
    it(`of a network: ${what}`, () => {
      const text = explanationText(explanationOf({ ...HARD, mine: network }))
      assert.ok(text.split('\n').includes(`  your network   ${line}`), text)
    })
  }
})

function plain() {
  const as = (text: string) => text
  return { bold: as, dim: as, green: as, red: as, yellow: as }
}

const PAGE = `\
relayed: your NAT gives each peer another port, so nobody can be told where to send; birthday:
packets went out, and nothing came back within the time

  your network   NAT, another port for each peer (random); lets in answers only
  their network  NAT, same port for every peer; lets in answers only

  relay           ok         80 ms
  reverse         skipped           peer-not-public: the other side announces no public address
  birthday        failed     4.1 s  no-answer, twice: packets went out, and nothing came back within
                                    the time (2,048 probes)
  carrier-pigeon  failed     90 ms  refused: the other side answered, and refused (no crumbs)

What would help
  either side  Let the router map a port, so that the other side can dial in: look for 'UPnP',
               'NAT-PMP', 'PCP' or 'automatic port forwarding' in its settings and switch it on, or
               forward a UDP port by hand.
  here         If the router is your own, have it give all peers one port: look for 'static port',
               'consistent NAT' or 'endpoint-independent NAT'.
  both sides   Get IPv6, which needs no NAT; both sides must have it.
  here         Try another network: a home, or a phone that shares its connection.`
