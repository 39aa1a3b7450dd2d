import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allowed, MAX_EXTRA_TECHNIQUES, registered } from '../../src/node/registered.ts'
import type { Technique } from '../../src/traversal/technique.ts'
import { BUILT_IN } from '../../src/traversal/techniques/index.ts'

const mine: Technique = {
  name: 'address-book',
  cost: 4,
  typicalMs: 100,
  sides: 'one',
  fits: () => ({ fits: true, why: 'suits' }),
  attempt: async () => ({ outcome: 'failed', reason: 'no-answer' })
}

function many(count: number): Technique[] {
  return Array.from({ length: count }, (_, i) => ({ ...mine, name: `mine-${i}` }))
}

describe("a user's own techniques", () => {
  it('come behind those that are built in', () => {
    assert.deepEqual(registered([mine]), [...BUILT_IN, mine])
    assert.equal(registered(many(MAX_EXTRA_TECHNIQUES)).length, BUILT_IN.length + MAX_EXTRA_TECHNIQUES)
  })

  const WRONG: ReadonlyArray<readonly [about: string, extra: readonly unknown[], message: RegExp]> = [
    ['an upper-case name', [{ ...mine, name: 'Mine' }], /Mine is no name/],
    ['a name that is too long', [{ ...mine, name: 'm'.repeat(33) }], /is no name/],
    ['no name at all', [{ ...mine, name: undefined }], /is no name/],
    ['nothing', [undefined], /is no name/],
    ['the name of one that is built in', [{ ...mine, name: 'predict' }], /there is a predict already/],
    ['the same name twice', [mine, { ...mine }], /there is a address-book already/],
    ['a cost that is no number', [{ ...mine, cost: Number.NaN }], /the cost of address-book/],
    ['a time below zero', [{ ...mine, typicalMs: -1 }], /typicalMs of address-book/],
    ['other sides', [{ ...mine, sides: 'three' }], /sides of address-book/],
    ['no attempt', [{ ...mine, attempt: undefined }], /no attempt\(\)/],
    ['an onChange that cannot be called', [{ ...mine, onChange: true }], /onChange of address-book is no function/],
    ['too many', many(MAX_EXTRA_TECHNIQUES + 1), /may have 16/]
  ]
  for (const [about, extra, message] of WRONG) {
    it(`may not have ${about}`, () => {
      assert.throws(() => registered(extra as readonly Technique[]), { code: 'BAD_OPTION', message })
    })
  }
})

describe('the techniques that may be used', () => {
  it("may be a user's own, and those that are built in", () => {
    const names = ['address-book', 'birthday']
    assert.deepEqual(allowed(names, registered([mine])), names)
    assert.equal(allowed(undefined, BUILT_IN), undefined)
  })

  it('are named as they are: a word that nobody knows would silently mean none', () => {
    assert.throws(() => allowed(['punch-qiuc'], BUILT_IN), {
      code: 'BAD_OPTION',
      message: /punch-qiuc is none of relay, direct/
    })
  })
})
