import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Reason } from '../../src/traversal/attempt.ts'
import { type Plannable, type PlanOptions, type PlanStep, plan } from '../../src/traversal/plan.ts'
import { BUILT_IN } from '../../src/traversal/techniques/index.ts'
import type { NetworkSummary } from '../../src/wire/summary.ts'
import { BLOCKED, HOME, other, RANDOM, SEQUENTIAL, summary, UNTRANSLATED } from './summaries.ts'

type Changes = Partial<NetworkSummary>

const LINK: PlanOptions = { techniques: BUILT_IN, peer: 'link' }
const NOT_KNOWN = { ...BLOCKED, ok: true }
const FIREWALL = { ...UNTRANSLATED, filtering: 'address-and-port-dependent' } as const

/** TCP is mapped as UDP is, and nobody can tell how it is filtered. */
const like = (udp4: NetworkSummary['udp4']): Changes => ({ udp4, tcp4: { ...udp4, filtering: null, hairpin: null } })

/** The networks of the grid, in the order of its rows. */
const NETWORKS = {
  open: { ...like(UNTRANSLATED), reachability: 'public' },
  firewall: like(FIREWALL),
  'endpoint-independent, filter endpoint-independent': like({ ...HOME, filtering: 'endpoint-independent' }),
  'endpoint-independent, filter address-dependent': like({ ...HOME, filtering: 'address-dependent' }),
  'endpoint-independent, filter address-and-port-dependent': like(HOME),
  'address-dependent, sequential': like({ ...SEQUENTIAL, mapping: 'address-dependent' }),
  'address-dependent, random': like({ ...RANDOM, mapping: 'address-dependent' }),
  'address-and-port-dependent, sequential': like(SEQUENTIAL),
  'address-and-port-dependent, random': like(RANDOM),
  'UDP blocked': { udp4: BLOCKED }
} as const satisfies Record<string, Changes>

/** Beside the relay at 0 and `local`, which is for one network; first ours, then theirs. */
const CELLS = {
  /** Both are public. */
  o: 'direct@0 they-are-public, reverse@0 we-are-public, punch-quic@0 they-are-public, punch-tcp@1000 they-are-public, predict - they-are-public, birthday - they-are-public',
  /** We are. */
  w: 'reverse@0 we-are-public, punch-quic@0 we-are-public, punch-tcp@1000 we-are-public, direct - peer-not-public, predict - we-are-public, birthday - we-are-public',
  /** We are, and no UDP there. */
  x: 'reverse@0 we-are-public, punch-tcp@0 we-are-public, direct - peer-not-public, punch-quic - no-udp, predict - no-udp, birthday - no-udp',
  p: 'punch-quic@0 both-predictable, punch-tcp@1000 both-predictable, direct - peer-not-public, reverse - we-are-not-public, predict - both-predictable, birthday - both-predictable',
  h: 'punch-quic@0 hosts-get-in, direct - peer-not-public, reverse - we-are-not-public, punch-tcp - their-ports-vary, predict - hosts-get-in, birthday - hosts-get-in',
  s: 'predict@0 ports-in-sequence, direct - peer-not-public, reverse - we-are-not-public, punch-quic - their-ports-vary, punch-tcp - their-ports-vary, birthday - ports-in-sequence',
  b: 'birthday@0 one-side-random, direct - peer-not-public, reverse - we-are-not-public, punch-quic - their-ports-vary, punch-tcp - their-ports-vary, predict - one-side-random',
  r: 'direct - peer-not-public, reverse - we-are-not-public, punch-quic - their-ports-vary, punch-tcp - their-ports-vary, predict - both-random, birthday - both-random',
  v: 'direct - peer-not-public, reverse - we-are-not-public, punch-quic - their-ports-vary, punch-tcp - their-ports-vary, predict - random-and-varying, birthday - random-and-varying',
  t: 'punch-tcp@0 both-predictable, direct - peer-not-public, reverse - we-are-not-public, punch-quic - no-udp, predict - no-udp, birthday - no-udp',
  n: 'direct - peer-not-public, reverse - we-are-not-public, punch-quic - no-udp, punch-tcp - our-ports-vary, predict - no-udp, birthday - no-udp'
} as const

const GRID = [
  'owwwwwwwwx', // open
  '.pppp' + 'sbsb' + 't', // firewall
  '..ppp' + 'hhhh' + 't', // endpoint-independent, filter endpoint-independent
  '...pp' + 'hhhh' + 't', // endpoint-independent, filter address-dependent
  '....p' + 'sbsb' + 't', // endpoint-independent, filter address-and-port-dependent
  '.....' + 'sbsb' + 'n', // address-dependent, sequential
  '.....' + '.rvr' + 'n', // address-dependent, random
  '.....' + '..sv' + 'n', // address-and-port-dependent, sequential
  '.....' + '...r' + 'n', // address-and-port-dependent, random
  '.....' + '....' + 't' // UDP blocked
]

/** What the other side calls what we call so. */
const MIRRORED: Partial<Record<Reason, Reason>> = {
  'they-are-public': 'we-are-public',
  'we-are-public': 'they-are-public',
  'hosts-get-in': 'they-let-hosts-in',
  'their-ports-vary': 'our-ports-vary',
  'our-ports-vary': 'their-ports-vary'
}

function text(steps: readonly PlanStep[]): string {
  return steps
    .map(({ technique, action, why, startMs }) => `${technique}${action === 'take' ? `@${startMs}` : ' -'} ${why}`)
    .join(', ')
}

const stepOf = (steps: readonly PlanStep[], name: string) => steps.find(({ technique }) => technique === name)!

describe('the grid', () => {
  const names = Object.keys(NETWORKS) as (keyof typeof NETWORKS)[]
  names.forEach((one, row) => {
    names.forEach((another, column) => {
      const cell = GRID[row]![column]!
      if (cell === '.') return
      const [mine, theirs] = [summary(NETWORKS[one]), other(NETWORKS[another])]
      it(`${one}; ${another}`, () => {
        const { steps } = plan(mine, theirs, LINK)
        const rest = steps.filter(({ technique }) => technique !== 'relay' && technique !== 'local')
        assert.equal(text(rest), CELLS[cell as keyof typeof CELLS])
        assert.equal(text([steps[0]!, stepOf(steps, 'local')]), 'relay@0 fallback, local - other-network')
      })

      const varies = [mine, theirs].every(({ udp4 }) => udp4.ok && udp4.mapping !== 'endpoint-independent')
      // where both are public, or the ports of both vary, each side names the other one
      const alike = varies || cell === 'o'
      it(`${another}; ${one}: the same, as the other side sees it`, () => {
        const [ours, others] = [plan(mine, theirs, LINK).steps, plan(theirs, mine, LINK).steps]
        for (const name of ['punch-quic', 'punch-tcp', 'predict', 'birthday', 'local']) {
          const { why, ...step } = stepOf(ours, name)
          assert.deepEqual(stepOf(others, name), { ...step, why: alike ? why : (MIRRORED[why] ?? why) })
        }
      })
    })
  })
})

interface Row {
  readonly what: string
  readonly mine: NetworkSummary | undefined
  readonly theirs: NetworkSummary | undefined
  /** All that is taken, but for the relay. */
  readonly taken: string
}

const native = { udp6: FIREWALL, tcp6: { ...FIREWALL, filtering: null } }

const ROWS: readonly Row[] = [
  {
    what: 'nothing is known of either',
    mine: undefined,
    theirs: undefined,
    taken:
      'direct@0 not-known, local@0 not-known, reverse@0 not-known, punch-quic@0 not-known, punch-tcp@1000 not-known'
  },
  {
    what: 'nothing is known of them, and our ports are random: nobody guesses',
    mine: summary(like(RANDOM)),
    theirs: undefined,
    taken: 'direct@0 not-known, local@0 not-known, punch-quic@0 not-known, punch-tcp@1000 not-known'
  },
  {
    what: 'one NAT that turns packets around',
    mine: summary({ udp4: { ...HOME, hairpin: true } }),
    theirs: summary({ udp4: { ...HOME, hairpin: true } }),
    taken: 'local@0 by-local-address, punch-quic@0 both-predictable'
  },
  {
    what: 'one NAT that does not',
    mine: summary(),
    theirs: summary(),
    taken: 'local@0 by-local-address'
  },
  {
    what: 'one NAT with random ports: the guess is not made inside it',
    mine: summary(like({ ...RANDOM, hairpin: null })),
    theirs: summary(like({ ...RANDOM, hairpin: null })),
    taken: 'local@0 by-local-address, punch-quic@0 not-known, punch-tcp@1000 not-known'
  },
  {
    what: 'random ports on both sides, and IPv6',
    mine: summary({ ...like(RANDOM), ...native }),
    theirs: other({ ...like(RANDOM), ...native }),
    taken: 'punch-quic@0 both-predictable, punch-tcp@1000 both-predictable'
  },
  {
    what: 'random ports on both sides, and IPv6 that nobody has asked about',
    mine: summary({ ...like(RANDOM), udp6: NOT_KNOWN }),
    theirs: other({ ...like(RANDOM), udp6: NOT_KNOWN }),
    taken: 'punch-quic@0 not-known'
  },
  {
    what: 'one network of IPv6, other NATs for IPv4',
    mine: summary({ ...like(RANDOM), publicAddresses: ['11.1.0.10', '2001:4860:1:2::10'] }),
    theirs: other({ ...like(RANDOM), publicAddresses: ['11.2.0.10', '2001:4860:1:2::11'] }),
    taken: 'local@0 by-local-address'
  },
  {
    what: 'random ports, towards a filter that is not known: the guess comes after the punch',
    mine: summary({ ...like({ ...HOME, filtering: null }) }),
    theirs: other(like(RANDOM)),
    taken: 'punch-quic@0 not-known, birthday@1000 one-side-random'
  },
  {
    what: 'random ports for UDP, not for TCP: the guess comes after that',
    mine: summary(),
    theirs: other({ udp4: RANDOM }),
    taken: 'punch-tcp@0 both-predictable, birthday@1000 one-side-random'
  },
  {
    what: 'a router has mapped a port here, and no hub has come in by it: it may be dialled, or may not',
    mine: summary({ ...like(RANDOM), mapped: true }),
    theirs: other(like(RANDOM)),
    taken: 'reverse@0 not-known, punch-quic@0 not-known'
  },
  {
    what: 'the same, and a hub has',
    mine: summary({ ...like(RANDOM), mapped: true, reachability: 'public' }),
    theirs: other(like(RANDOM)),
    taken: 'reverse@0 we-are-public, punch-quic@0 we-are-public'
  },
  {
    what: 'public over IPv6, as the filter over IPv4 says',
    mine: summary({ ...like(RANDOM), udp6: UNTRANSLATED, reachability: 'public' }),
    theirs: other(like(RANDOM)),
    taken: ''
  },
  {
    what: 'several ways out: neighbours may be seen under different addresses, and nobody knows under which',
    mine: summary({ ...like(RANDOM), uplinks: 2 }),
    theirs: other(),
    taken: 'local@0 not-known, punch-quic@0 not-known, punch-tcp@1000 not-known'
  },
  {
    what: 'several ways out, and a public peer',
    mine: summary({ uplinks: 2 }),
    theirs: other(NETWORKS.open),
    taken: 'direct@0 they-are-public, local@0 not-known, punch-quic@0 they-are-public, punch-tcp@1000 they-are-public'
  },
  {
    what: 'another port for each peer, chosen nobody knows how',
    mine: summary(like({ ...RANDOM, allocation: null })),
    theirs: other(),
    taken: ''
  },
  {
    what: 'another port for each peer, but the private one mostly: it is not said how',
    mine: summary(like({ ...RANDOM, allocation: 'preserving' })),
    theirs: other(),
    taken: ''
  },
  {
    what: 'IPv4 only here, IPv6 only there',
    mine: summary(),
    theirs: other({ udp4: BLOCKED, tcp4: BLOCKED, ...native }),
    taken: ''
  }
]

describe('beside the grid', () => {
  for (const { what, mine, theirs, taken } of ROWS) {
    it(what, () => {
      const { steps } = plan(mine, theirs, LINK)
      assert.equal(text(steps.filter(({ action }) => action === 'take').slice(1)), taken)
    })
  }

  it('why nothing of IPv4 meets what is of IPv6', () => {
    const { steps } = plan(summary(), other({ udp4: BLOCKED, tcp4: BLOCKED, ...native }), LINK)
    assert.deepEqual(
      [stepOf(steps, 'punch-quic').why, stepOf(steps, 'punch-tcp').why],
      Array(2).fill('no-common-family')
    )
  })
})

describe('what else decides', () => {
  const easy = [summary(), other()] as const

  it('the relay is taken whatever is allowed, and nothing waits for what is not', () => {
    const { steps } = plan(...easy, { ...LINK, allowed: new Set(['punch-tcp']) })
    const taken = steps.filter(({ action }) => action === 'take')
    assert.equal(text(taken), 'relay@0 fallback, punch-tcp@0 both-predictable')
    assert.equal(stepOf(steps, 'punch-quic').why, 'not-allowed')
  })

  it('what worked before begins first, and at once', () => {
    const { steps } = plan(...easy, { ...LINK, worked: 'punch-tcp' })
    const start = steps.slice(0, 3)
    assert.equal(text(start), 'relay@0 fallback, punch-tcp@0 worked-before, punch-quic@0 both-predictable')
  })

  it('what worked before is taken although too little is known now', () => {
    assert.equal(stepOf(plan(undefined, undefined, LINK).steps, 'birthday').action, 'skip')
    const { steps } = plan(undefined, undefined, { ...LINK, worked: 'birthday' })
    assert.equal(text([steps[1]!]), 'birthday@0 worked-before')
  })

  it('what worked before is not taken where it cannot work any more, nor where it is not allowed', () => {
    const random = [summary(like(RANDOM)), other(like(RANDOM))] as const
    assert.equal(stepOf(plan(...random, { ...LINK, worked: 'birthday' }).steps, 'birthday').why, 'both-random')
    const { steps } = plan(...easy, { ...LINK, worked: 'punch-tcp', allowed: new Set(['punch-quic']) })
    assert.equal(stepOf(steps, 'punch-tcp').why, 'not-allowed')
  })

  it('what worked before and is not known is passed over', () => {
    assert.deepEqual(plan(...easy, { ...LINK, worked: 'telepathy' }), plan(...easy, LINK))
  })

  it('with a foreign peer only DCUtR agrees on anything', () => {
    const { steps } = plan(summary(like(RANDOM)), undefined, { ...LINK, peer: 'foreign' })
    const taken = steps.filter(({ action }) => action === 'take')
    assert.deepEqual(
      taken.map(({ technique }) => technique),
      ['relay', 'direct', 'local', 'punch-quic', 'punch-tcp']
    )
    assert.deepEqual([stepOf(steps, 'predict').why, stepOf(steps, 'birthday').why], ['needs-link', 'needs-link'])
  })
})

describe("a technique of the user's own", () => {
  const own: Plannable = {
    name: 'carrier-pigeon',
    cost: 100,
    typicalMs: 5_000,
    sides: 'both',
    fits: () => ({ fits: true, why: 'suits' })
  }
  const stepWith = (changes: object) => {
    const techniques = [...BUILT_IN, { ...own, ...changes }]
    return stepOf(plan(summary(), other(), { ...LINK, techniques }).steps, own.name)
  }

  it('waits for what is cheaper, when it takes both sides', () => {
    assert.equal(text([stepWith({})]), 'carrier-pigeon@2000 suits')
    assert.equal(text([stepWith({ cost: 39 })]), 'carrier-pigeon@1000 suits')
    assert.equal(text([stepWith({ sides: 'one' })]), 'carrier-pigeon@0 suits')
  })

  it('what is dearer waits for it', () => {
    const techniques = [...BUILT_IN, own]
    const { steps } = plan(summary(), other({ udp4: RANDOM }), { ...LINK, techniques })
    assert.equal(stepOf(steps, 'birthday').startMs, 6_000)
  })

  const broken: readonly [string, object][] = [
    ['throws', () => assert.fail('no')],
    ['answers nothing', () => undefined],
    ['answers nonsense', () => ({ fits: 'perhaps', why: 'suits' })],
    ['gives no reason', () => ({ fits: true })],
    ['gives a reason of its own', () => ({ fits: true, why: 'toString' })]
  ]
  for (const [what, fits] of broken) {
    it(`that ${what} is passed over`, () => assert.equal(text([stepWith({ fits })]), 'carrier-pigeon - crashed'))
  }
})
