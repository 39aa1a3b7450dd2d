import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import type { Attempt, Reason } from '../../src/traversal/attempt.ts'
import { CONCLUSIONS } from '../../src/traversal/explain/conclusion.ts'
import { HELP } from '../../src/traversal/explain/help.ts'
import {
  type ExplainedPath,
  type ExplainedStep,
  explanationIn,
  explanationOf,
  type Facts
} from '../../src/traversal/explain.ts'
import { BLOCKED, HOME, other, RANDOM, SEQUENTIAL, summary, UNTRANSLATED } from './summaries.ts'

const RELAYED: ExplainedPath = { kind: 'relay', transport: 'quic', remote: '11.0.0.1:4001', technique: 'relay' }

function by(technique: string): ExplainedPath {
  return { kind: 'direct', transport: 'quic', remote: '11.2.0.10:40001', technique }
}

function attempt(technique: string, outcome: Attempt['outcome'], reason: Reason, detail?: string): Attempt {
  return { technique, outcome, reason, ms: 12.34, ...(detail == null ? {} : { detail }) }
}

const silent = (technique: string) => attempt(technique, 'failed', 'no-answer')

function step(technique: string, action: ExplainedStep['action'] = 'take', why: Reason = 'connected'): ExplainedStep {
  return { technique, action, why, startMs: 0 }
}

/** Relayed, of which nothing else is known, and whatever is different. */
function facts(changes: Partial<Facts> = {}): Facts {
  return { peer: '12D3KooWBob', path: RELAYED, mine: null, theirs: null, plan: [], attempts: [], ...changes }
}

const failed = (code: NatError['code'], message: string) => facts({ path: null, error: { code, message } })

/** What is known; the conclusion's code; what its text says; and what would help, as `where:code`. */
const ROWS: ReadonlyArray<
  readonly [what: string, facts: Facts, code: keyof typeof CONCLUSIONS, says: RegExp, help: readonly string[]]
> = [
  ['direct: dialled', facts({ path: by('direct') }), 'direct', /^direct by direct: the other side can be dialled/, []],
  ['direct: local', facts({ path: by('local') }), 'direct', /^direct by local: both sides are in one network/, []],
  ['direct: reverse', facts({ path: by('reverse') }), 'direct', /^direct by reverse: the other side dialled us/, []],
  ['direct: punch-quic', facts({ path: by('punch-quic') }), 'direct', /^direct by punch-quic: .* at once/, []],
  ['direct: punch-tcp', facts({ path: by('punch-tcp') }), 'direct', /^direct by punch-tcp: .*TCP connection/, []],
  ['direct: predict', facts({ path: by('predict') }), 'direct', /^direct by predict: .*foreseen/, []],
  ['direct: birthday', facts({ path: by('birthday') }), 'direct', /^direct by birthday: .*many probes/, []],
  [
    "direct: a user's own",
    facts({ path: by('carrier-pigeon') }),
    'direct',
    /^direct by carrier-pigeon: .*your own/,
    []
  ],
  [
    'direct: own, with a name that objects have',
    facts({ path: by('constructor') }),
    'direct',
    /^direct by constructor: .*your own/,
    []
  ],
  [
    'direct, although networks look bad',
    facts({ path: by('birthday'), mine: summary({ udp4: RANDOM }), theirs: other(), attempts: [silent('punch-quic')] }),
    'direct',
    /birthday/,
    []
  ],
  ['direct, and nobody knows how', facts({ path: { ...by(''), technique: null } }), 'direct', /^direct$/, []],

  ['not connected, nothing known', facts({ path: null }), 'not-connected', /^not connected$/, []],
  [
    'not connected: the peer is away',
    failed('PEER_OFFLINE', 'bob is not at this hub'),
    'not-connected',
    /^not connected: bob is not at this hub$/,
    ['theirs:start-peer']
  ],
  ['not connected: no hub', failed('NO_HUB', 'no hub answers'), 'not-connected', /no hub answers/, ['hub:check-hub']],
  [
    'not connected: a full hub',
    failed('HUB_REFUSED', 'the hub said no'),
    'not-connected',
    /said no/,
    ['hub:check-hub']
  ],
  ['not connected: offline', failed('NO_NETWORK', 'no network'), 'not-connected', /no network/, ['mine:get-online']],
  ['not connected: impostor', failed('WRONG_PEER', 'not bob'), 'not-connected', /not bob/, ['theirs:check-identity']],
  [
    'not connected: the relay closed it in the middle of a punch',
    facts({ path: null, attempts: [attempt('punch-quic', 'failed', 'relay-closed')] }),
    'not-connected',
    /^not connected$/,
    ['hub:hub-limits']
  ],

  ['relayed, nothing else known', facts(), 'not-tried', /nothing else/, []],
  ['relayed, with a plan of the relay alone', facts({ plan: [step('relay')] }), 'not-tried', /nothing else/, []],
  [
    'relayed so far',
    facts({ plan: [step('relay'), step('punch-quic'), step('punch-tcp')], attempts: [silent('punch-tcp')] }),
    'trying',
    /under way: punch-quic$/,
    []
  ],
  [
    'relayed again',
    facts({
      attempts: [silent('punch-quic'), attempt('punch-quic', 'ok', 'connected')],
      theirs: other(),
      mine: summary()
    }),
    'lost',
    /a direct path was there \(punch-quic\), and does not work any more/,
    []
  ],
  [
    'relayed again, and nobody remembers what had found the path',
    facts({ attempts: [attempt('punch-quic', 'skipped', 'already-direct')] }),
    'lost',
    /^relayed: a direct path was there, and does not work any more/,
    []
  ],
  [
    'relayed again, and what is tried since fails',
    facts({
      attempts: [attempt('punch-quic', 'ok', 'connected'), silent('punch-quic')],
      theirs: other(),
      mine: summary()
    }),
    'unanswered',
    /none arrived \(punch-quic\)/,
    ['mine:map-port', 'theirs:map-port', 'mine:ipv6', 'theirs:ipv6']
  ],
  [
    'relayed: a peer without DCUtR',
    facts({
      attempts: [attempt('reverse', 'skipped', 'peer-not-public'), attempt('punch-quic', 'failed', 'unsupported')]
    }),
    'unsupported',
    /DCUtR/,
    ['theirs:update-peer']
  ],
  [
    'relayed: IPv4 here, IPv6 there',
    facts({
      mine: summary(),
      theirs: other({ udp4: BLOCKED, tcp4: BLOCKED, udp6: UNTRANSLATED, tcp6: UNTRANSLATED }),
      attempts: [silent('punch-quic')]
    }),
    'no-common-family',
    /IPv4 only/,
    ['mine:map-port', 'mine:ipv6']
  ],
  [
    'relayed: UDP blocked here',
    facts({ mine: summary({ udp4: BLOCKED }), theirs: other(), attempts: [silent('punch-tcp')] }),
    'udp-blocked',
    /blocked in your network.*punch-tcp: packets went out/,
    ['mine:let-udp-out', 'theirs:map-port', 'mine:ipv6', 'theirs:ipv6', 'mine:other-network']
  ],
  [
    'relayed: UDP blocked there, which says so in the plan',
    facts({ mine: summary(), theirs: other({ udp4: BLOCKED }), plan: [step('punch-quic', 'skip', 'no-answer')] }),
    'udp-blocked',
    /blocked in their network, and no TCP connection came about$/,
    ['theirs:let-udp-out', 'mine:map-port', 'mine:ipv6', 'theirs:ipv6', 'theirs:other-network']
  ],
  [
    'relayed: UDP blocked on both sides',
    facts({
      mine: summary({ udp4: BLOCKED }),
      theirs: other({ udp4: BLOCKED }),
      attempts: [attempt('punch-tcp', 'failed', 'port-taken')]
    }),
    'udp-blocked',
    /in both networks/,
    [
      'mine:let-udp-out',
      'theirs:let-udp-out',
      'mine:ipv6',
      'theirs:ipv6',
      'mine:other-network',
      'theirs:other-network',
      'mine:wait'
    ]
  ],
  [
    'relayed: random ports on both sides',
    facts({ mine: summary({ udp4: RANDOM }), theirs: other({ udp4: RANDOM }), attempts: [silent('punch-tcp')] }),
    'both-random',
    /both NATs give each peer another random port/,
    [
      'mine:map-port',
      'theirs:map-port',
      'mine:consistent-nat',
      'theirs:consistent-nat',
      'mine:ipv6',
      'theirs:ipv6',
      'mine:other-network',
      'theirs:other-network'
    ]
  ],
  [
    'relayed: random ports here, and birthday found none',
    facts({
      mine: summary({ udp4: RANDOM, udp6: UNTRANSLATED }),
      theirs: other(),
      attempts: [attempt('predict', 'skipped', 'disagreed'), silent('punch-quic'), silent('birthday')]
    }),
    'ports-vary',
    /^relayed: your NAT .*; birthday: packets went out/,
    [
      'theirs:update-peer',
      'mine:map-port',
      'theirs:map-port',
      'mine:consistent-nat',
      'theirs:ipv6',
      'mine:other-network'
    ]
  ],
  [
    'relayed: random ports here, and the other side said nothing to birthday',
    facts({
      mine: summary({ udp4: RANDOM }),
      theirs: other(),
      plan: [step('birthday', 'take', 'one-side-random'), step('predict', 'skip', 'one-side-random')],
      attempts: [attempt('predict', 'skipped', 'one-side-random'), attempt('birthday', 'skipped', 'silent')]
    }),
    'ports-vary',
    /^relayed: your NAT .*; birthday: the other side, whose turn/,
    ['mine:map-port', 'theirs:map-port', 'mine:consistent-nat', 'mine:ipv6', 'theirs:ipv6', 'mine:other-network']
  ],
  [
    'relayed: ports in sequence there, and nobody took a guess',
    facts({ mine: summary(), theirs: other({ udp4: SEQUENTIAL }), attempts: [silent('punch-quic')] }),
    'ports-vary',
    /^relayed: their NAT gives each peer another port, so nobody can be told where to send$/,
    ['mine:map-port', 'theirs:map-port', 'theirs:consistent-nat', 'mine:ipv6', 'theirs:ipv6', 'theirs:other-network']
  ],
  [
    'relayed: sequential and random',
    facts({ mine: summary({ udp4: SEQUENTIAL }), theirs: other({ udp4: RANDOM }), attempts: [silent('predict')] }),
    'ports-vary',
    /^relayed: both NATs give each peer another port, .*; predict: /,
    [
      'mine:map-port',
      'theirs:map-port',
      'mine:consistent-nat',
      'theirs:consistent-nat',
      'mine:ipv6',
      'theirs:ipv6',
      'mine:other-network',
      'theirs:other-network'
    ]
  ],
  [
    'relayed: neighbours behind one NAT',
    facts({ mine: summary(), theirs: summary(), attempts: [silent('local'), silent('punch-quic')] }),
    'same-nat',
    /behind one NAT .*; local: packets went out/,
    ['mine:neighbours-meet']
  ],
  [
    'relayed: neighbours behind a NAT that hairpins',
    facts({ mine: summary({ udp4: { ...HOME, hairpin: true } }), theirs: summary(), attempts: [silent('punch-quic')] }),
    'unanswered',
    /none arrived/,
    ['mine:map-port', 'theirs:map-port', 'mine:ipv6', 'theirs:ipv6']
  ],
  [
    'relayed: a hub over TCP only',
    facts({ attempts: [attempt('punch-quic', 'skipped', 'no-own-address')] }),
    'no-addresses',
    /no hub has told us/,
    ['mine:hub-over-quic', 'mine:allow-private', 'theirs:allow-private']
  ],
  [
    'relayed: they have a hub over TCP only',
    facts({ attempts: [attempt('punch-quic', 'skipped', 'no-peer-address')] }),
    'no-addresses',
    /no address that we may dial/,
    ['theirs:hub-over-quic', 'mine:allow-private', 'theirs:allow-private']
  ],
  [
    'relayed: private addresses only',
    facts({ attempts: [attempt('punch-tcp', 'skipped', 'no-peer-address')] }),
    'no-addresses',
    /no address that we may dial/,
    ['mine:allow-private', 'theirs:allow-private']
  ],
  [
    'relayed: nothing arrives, and the networks are not known',
    facts({ attempts: [silent('punch-quic'), silent('punch-tcp')] }),
    'unanswered',
    /none arrived \(punch-quic, punch-tcp\)/,
    ['mine:ask-doctor', 'theirs:ask-doctor']
  ],
  [
    'relayed: a firewall here, several ways out there, too few servers to tell more',
    facts({
      mine: summary({ udp4: { ...UNTRANSLATED, filtering: 'address-and-port-dependent' } }),
      theirs: other({ udp4: { ...HOME, mapping: null }, uplinks: 2 }),
      attempts: [silent('punch-quic')]
    }),
    'unanswered',
    /none arrived/,
    [
      'theirs:map-port',
      'mine:open-firewall',
      'mine:ipv6',
      'theirs:ipv6',
      'theirs:one-way-out',
      'hub:hub-two-addresses',
      'theirs:ask-doctor'
    ]
  ],
  [
    'relayed: random ports on both sides do not matter over IPv6, a firewall does',
    facts({
      mine: summary({ udp4: RANDOM, udp6: { ...UNTRANSLATED, filtering: 'address-and-port-dependent' } }),
      theirs: other({ udp4: RANDOM, udp6: UNTRANSLATED, mapped: true }),
      attempts: [silent('punch-quic')]
    }),
    'unanswered',
    /none arrived/,
    ['mine:map-port', 'mine:open-firewall', 'mine:consistent-nat', 'mine:other-network']
  ],
  [
    "relayed: a technique of the user's own crashed",
    facts({ attempts: [silent('punch-quic'), attempt('carrier-pigeon', 'failed', 'crashed', 'no crumbs')] }),
    'failed',
    /^relayed: carrier-pigeon failed, the technique failed by/,
    []
  ],
  [
    'relayed: too busy',
    facts({ attempts: [attempt('punch-quic', 'failed', 'busy')] }),
    'failed',
    /punch-quic failed, too many/,
    ['mine:wait']
  ],
  [
    'relayed: everything was passed over',
    facts({
      plan: [step('relay'), step('punch-quic', 'skip', 'no-transport'), step('reverse', 'skip', 'peer-not-public')]
    }),
    'all-skipped',
    /^relayed: no technique fits; punch-quic: the two sides share no transport/,
    ['mine:ask-doctor', 'theirs:ask-doctor']
  ],
  [
    'relayed: what would fit was not allowed',
    facts({
      mine: summary(),
      theirs: other(),
      plan: [step('relay'), step('direct', 'skip', 'peer-not-public'), step('punch-quic', 'skip', 'not-allowed')]
    }),
    'all-skipped',
    /punch-quic: it was not among the techniques that are allowed$/,
    ['mine:allow-techniques', 'mine:map-port', 'theirs:map-port', 'mine:ipv6', 'theirs:ipv6']
  ],
  [
    'relayed: nothing else was allowed, which explains more than one NAT in front of both',
    facts({
      mine: summary(),
      theirs: summary(),
      plan: [step('relay'), step('local', 'skip', 'not-allowed'), step('punch-quic', 'skip', 'not-allowed')],
      attempts: [attempt('local', 'skipped', 'not-allowed')]
    }),
    'all-skipped',
    /^relayed: nothing is allowed on this side/,
    ['mine:allow-techniques']
  ],
  [
    'relayed: what could have worked between neighbours was not allowed',
    facts({
      mine: summary(),
      theirs: summary(),
      plan: [step('relay'), step('local', 'skip', 'not-allowed'), step('punch-quic', 'skip', 'same-nat')]
    }),
    'same-nat',
    /did not meet inside it$/,
    ['mine:allow-techniques', 'mine:neighbours-meet']
  ],
  [
    'relayed: passed over for a reason of a later version',
    facts({ attempts: [attempt('punch-quic', 'skipped', 'full-moon' as Reason)] }),
    'all-skipped',
    /punch-quic: full-moon$/,
    ['mine:ask-doctor', 'theirs:ask-doctor']
  ]
]

describe('an explanation', () => {
  for (const [what, given, code, says, help] of ROWS) {
    it(what, () => {
      const explanation = explanationOf(given)
      const { conclusion } = explanation
      assert.equal(conclusion.code, code, conclusion.text)
      assert.match(conclusion.text, says)
      assert.deepEqual(
        explanation.help.map(({ code, where }) => `${where}:${code}`),
        help
      )
      assert.deepEqual(JSON.parse(JSON.stringify(explanation)), explanation)
    })
  }

  it('comes to every conclusion, and gives every kind of help, in one of the rows above', () => {
    const explanations = ROWS.map(([, given]) => explanationOf(given))
    assert.deepEqual(
      [...new Set(explanations.map(({ conclusion }) => conclusion.code))].toSorted(),
      Object.keys(CONCLUSIONS).toSorted()
    )
    assert.deepEqual(
      [...new Set(explanations.flatMap(({ help }) => help.map(({ code }) => code)))].toSorted(),
      Object.keys(HELP).toSorted()
    )
  })

  it('has the facts as they were given, in this order, times rounded', () => {
    const given = facts({ mine: summary(), plan: [step('relay')], attempts: [{ ...silent('punch-quic'), atMs: 300 }] })
    const { conclusion: _, help: __, ...rest } = explanationOf(given)
    const attempts = [{ technique: 'punch-quic', outcome: 'failed', reason: 'no-answer', ms: 12.3, atMs: 300 }]
    assert.deepEqual(rest, { ...given, attempts, lookups: [] })
    assert.deepEqual(Object.keys(explanationOf(given)), [
      'peer',
      'path',
      'mine',
      'theirs',
      'plan',
      'attempts',
      'lookups',
      'conclusion',
      'help'
    ])
  })

  it('is found in the errors that carry one, and in no other', () => {
    const explanation = explanationOf(facts())
    assert.equal(explanationIn(new NatError('STILL_RELAYED', 'relayed', { details: { explanation } })), explanation)
    for (const error of [new NatError('STILL_RELAYED', 'relayed'), new Error('x'), undefined, 'x']) {
      assert.equal(explanationIn(error), undefined)
    }
  })
})
