import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEPENDENCES, type FilteringBehaviour, type MappingBehaviour } from '../../src/core/behaviour.ts'
import { punch, punchable } from '../../src/traversal/punchable.ts'
import type { Side } from '../../src/traversal/sides.ts'
import { twoNats, World } from './paths/world.ts'
import { BLOCKED, HOME, other, RANDOM, summary, UNTRANSLATED } from './summaries.ts'

interface Nat {
  readonly mapping: MappingBehaviour
  readonly filtering: FilteringBehaviour
}

const NATS: readonly Nat[] = DEPENDENCES.flatMap(mapping => DEPENDENCES.map(filtering => ({ mapping, filtering })))
const PATIENCE_MS = 8_000

const sideOf = (nat: Nat): Side => ({ ...nat, passes: true, open: false, allocation: 'random' })

/** Whether two path agents find a direct path through simulated NATs, with nothing but checks. */
async function meet(one: Nat, another: Nat): Promise<boolean> {
  using world = new World(twoNats({ ...one, allocation: 'random' }, { ...another, allocation: 'random' }))
  await world.prepare()
  await world.connect()
  await world.advance(PATIENCE_MS)
  return world.a.use?.kind === 'udp' && world.b.use?.kind === 'udp'
}

describe('what the table says of two NATs is what path agents do behind them', () => {
  for (const one of NATS) {
    for (const another of NATS) {
      const verdict = punch({ family: 4, mine: sideOf(one), theirs: sideOf(another), hairpin: 'not-needed' }, 'udp')
      // what depends on how a NAT is made may be either
      if (verdict.works == null) continue
      it(`${one.mapping}, filter ${one.filtering}; ${another.mapping}, filter ${another.filtering}: ${verdict.works}`, async () => {
        assert.equal(await meet(one, another), verdict.works)
      })
    }
  }

  it('it leaves open what the RFC leaves open, and no more', () => {
    const open = NATS.flatMap(one => NATS.map(another => [one, another] as const)).filter(([one, another]) => {
      return (
        punch({ family: 4, mine: sideOf(one), theirs: sideOf(another), hairpin: 'not-needed' }, 'udp').works == null
      )
    })
    const strangers = ({ mapping, filtering }: Nat) =>
      mapping !== 'endpoint-independent' && filtering === 'endpoint-independent'
    const hosts = ({ filtering }: Nat) => filtering === 'address-dependent'
    assert.ok(open.length > 0)
    for (const pair of open) assert.ok(pair.some(strangers) || pair.every(hosts), JSON.stringify(pair))
  })
})

describe('over two families', () => {
  const native = { ...UNTRANSLATED, filtering: 'address-and-port-dependent' } as const

  it('one by which it works is enough', () => {
    const mine = summary({ udp4: RANDOM, udp6: native })
    assert.deepEqual(punchable('udp', mine, other({ udp4: RANDOM, udp6: native })), {
      works: true,
      why: 'both-predictable'
    })
  })

  it('one that may work keeps it open', () => {
    const mine = summary({ udp4: RANDOM, udp6: { ...BLOCKED, ok: true } })
    const theirs = other({ udp4: RANDOM, udp6: { ...BLOCKED, ok: true } })
    assert.deepEqual(punchable('udp', mine, theirs), { works: null, why: 'not-known' })
  })

  it('none in common is told apart from none at all', () => {
    const mine = summary({ udp6: native, udp4: BLOCKED })
    assert.equal(punchable('udp', mine, other()).why, 'no-common-family')
    assert.equal(punchable('udp', summary({ udp4: BLOCKED }), other()).why, 'no-udp')
    assert.equal(punchable('tcp', summary({ tcp4: BLOCKED }), other()).why, 'no-tcp')
  })
})

describe('behind one NAT', () => {
  const behind = (hairpin: boolean | null) => summary({ udp4: { ...HOME, hairpin } })
  const rows = [
    [false, false, false, 'no-hairpin'],
    [true, true, true, 'both-predictable'],
    [true, null, null, 'not-known'],
    [false, null, null, 'not-known'],
    [null, null, null, 'not-known'],
    [true, false, null, 'not-known']
  ] as const
  for (const [one, another, works, why] of rows) {
    it(`hairpin ${one} and ${another}: ${why}`, () => {
      assert.deepEqual(punchable('udp', behind(one), behind(another)), { works, why })
      assert.deepEqual(punchable('udp', behind(another), behind(one)), { works, why })
    })
  }

  it('IPv6 needs nobody to turn packets around', () => {
    const six = { ...UNTRANSLATED, hairpin: null }
    const mine = summary({ udp4: { ...HOME, hairpin: false }, udp6: six })
    assert.equal(punchable('udp', mine, mine).works, true)
  })
})
