import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import type { AccessOptions } from '../../../src/hub/access/access.ts'
import { accessOf } from '../../../src/hub/access/index.ts'

const ALICE = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const BOB = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'
const HOME = '192.0.2.7'
const BOTH: AccessOptions = { tokens: ['first', 'second'], peers: [ALICE] }

const ROWS: ReadonlyArray<
  readonly [what: string, rules: AccessOptions, peer: string, token: string | undefined, refusal: RegExp | undefined]
> = [
  ['an open hub, nothing shown', {}, BOB, undefined, undefined],
  ['an open hub, a token shown', {}, BOB, 'whatever', undefined],
  ['a token that counts', { tokens: ['first'] }, BOB, 'first', undefined],
  ['the second of two', BOTH, BOB, 'second', undefined],
  ['no token', { tokens: ['first'] }, BOB, undefined, /for peers with a token: give it with --token$/],
  ['an empty one', { tokens: ['first'] }, BOB, '', /does not know that token/],
  ['a wrong one', { tokens: ['first'] }, BOB, 'firs', /does not know that token/],
  ['one that begins like it', { tokens: ['first'] }, BOB, 'first1', /does not know that token/],
  ['one of 1,025 bytes', { tokens: ['first'] }, BOB, 'x'.repeat(1_025), /1024 bytes at most/],
  ['one of 513 letters of two bytes', { tokens: ['first'] }, BOB, 'ö'.repeat(513), /1024 bytes at most/],
  ['somebody on the list', { peers: [ALICE] }, ALICE, undefined, undefined],
  ['somebody who is not', { peers: [ALICE] }, BOB, undefined, /on its list/],
  ['a token where there is only a list', { peers: [ALICE] }, BOB, 'first', /on its list/],
  ['on the list, and no token', BOTH, ALICE, undefined, undefined],
  ['on the list, and a wrong token', BOTH, ALICE, 'wrong', undefined],
  ['neither', BOTH, BOB, undefined, /--token, or ask .* to its list/]
]

describe('who is let in', () => {
  for (const [what, rules, peer, token, refusal] of ROWS) {
    it(`${what}: ${refusal == null ? 'yes' : 'no'}`, () => {
      const access = accessOf(rules, new VirtualClock())
      const said = access.admit(peer, token, HOME)
      if (refusal == null) assert.equal(said, undefined)
      else assert.match(String(said), refusal)
      // and so for what it asks for afterwards, without a token
      assert.equal(access.refusal(peer) == null, refusal == null)
    })
  }
})

describe('who has shown a token', () => {
  it('is in until it is not connected any more', () => {
    const access = accessOf({ tokens: ['first'] }, new VirtualClock())
    assert.equal(access.admit(BOB, 'first', HOME), undefined)
    assert.equal(access.admit(BOB, undefined, HOME), undefined)
    access.forget(BOB)
    assert.match(String(access.refusal(BOB)), /--token/)
  })

  it('is out when the token is taken back, and others stay', () => {
    const access = accessOf({ tokens: ['first', 'second'] }, new VirtualClock())
    access.admit(ALICE, 'first', HOME)
    access.admit(BOB, 'second', HOME)
    access.change({ tokens: ['second', 'third'] })
    assert.match(String(access.refusal(ALICE)), /--token/)
    assert.equal(access.refusal(BOB), undefined)
    access.change({})
    assert.equal(access.refusal(ALICE), undefined)
  })

  it('rules that cannot be used leave those that there are', () => {
    const access = accessOf({ tokens: ['first'] }, new VirtualClock())
    assert.throws(() => access.change({ tokens: [] }), { code: 'BAD_OPTION' })
    assert.match(String(access.refusal(BOB)), /--token/)
  })
})

describe('guesses', () => {
  const guess = (access: ReturnType<typeof accessOf>, source: string) => {
    let answered = 0
    while (!/too many/.test(String(access.admit(BOB, `guess-${answered}`, source)))) answered++
    return answered
  }

  it('of one source are counted, and then right tokens are not looked at either; of another they are', async () => {
    const clock = new VirtualClock()
    const access = accessOf({ tokens: ['right'] }, clock)
    assert.equal(guess(access, HOME), 32)
    assert.match(String(access.admit(BOB, 'right', HOME)), /too many wrong tokens/)
    assert.equal(access.admit(ALICE, 'right', '192.0.2.8'), undefined)
    await clock.advance(60_000)
    assert.equal(access.admit(BOB, 'right', HOME), undefined)
  })

  it('over HTTP count as well', () => {
    const access = accessOf({ tokens: ['right'] }, new VirtualClock())
    for (let i = 0; i < 32; i++) assert.match(String(access.bearer(`guess-${i}`, HOME)), /does not know/)
    assert.match(String(access.admit(BOB, 'right', HOME)), /too many/)
  })

  it('who shows nothing guesses nothing, and who is in is not shut out by neighbours that guess', () => {
    const access = accessOf({ tokens: ['right'] }, new VirtualClock())
    for (let i = 0; i < 100; i++) access.admit(BOB, undefined, HOME)
    assert.equal(access.admit(ALICE, 'right', HOME), undefined)
    guess(access, HOME)
    assert.equal(access.admit(ALICE, 'right', HOME), undefined)
  })
})

describe('a request that names no peer', () => {
  const rows: ReadonlyArray<readonly [string, AccessOptions, string | undefined, RegExp | undefined]> = [
    ['an open hub', {}, undefined, undefined],
    ['a token', BOTH, 'first', undefined],
    ['none', BOTH, undefined, /Authorization: Bearer/],
    ['a wrong one', BOTH, 'third', /does not know/],
    ['a hub with a list only', { peers: [ALICE] }, undefined, /names none/]
  ]
  for (const [what, rules, token, refusal] of rows) {
    it(what, () => {
      const said = accessOf(rules, new VirtualClock()).bearer(token, HOME)
      if (refusal == null) assert.equal(said, undefined)
      else assert.match(String(said), refusal)
    })
  }
})

describe('rules that cannot be used', () => {
  const secret = 'not a token!'
  const rows: ReadonlyArray<readonly [string, AccessOptions, RegExp]> = [
    ['no tokens in the list', { tokens: [] }, /^access\.tokens is empty.*leave it out/],
    ['no peers in the list', { peers: [] }, /^access\.peers is empty/],
    ['an empty token', { tokens: ['first', ''] }, /^access\.tokens\[1\]/],
    ['a token with spaces', { tokens: [secret] }, /^access\.tokens\[0\].*letters, digits/],
    ['a long one', { tokens: ['x'.repeat(1_025)] }, /1024 characters at most/],
    ['a number', { tokens: [7] } as unknown as AccessOptions, /^access\.tokens\[0\]/],
    ['no list', { tokens: 'first' } as unknown as AccessOptions, /^access\.tokens is a list/],
    ['a token among the peers', { peers: [ALICE, secret] }, /^access\.peers\[1\] is not a peer id/],
    ['more than may be', { tokens: Array.from({ length: 1_025 }, (_, i) => `t${i}`) }, /may have 1024/]
  ]
  for (const [what, rules, message] of rows) {
    it(`${what}: BAD_OPTION, and the value is not told`, () => {
      assert.throws(
        () => accessOf(rules),
        error => {
          assert.ok(error instanceof NatError && error.code === 'BAD_OPTION')
          assert.match(error.message, message)
          assert.doesNotMatch(`${error.message} ${error.cause}`, new RegExp(secret))
          return true
        }
      )
    })
  }
})
