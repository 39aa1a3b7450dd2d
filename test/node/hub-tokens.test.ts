import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { NatError } from '../../src/core/errors.ts'
import { type HubOption, hubAddresses, hubTokens, withTokens } from '../../src/node/hub-tokens.ts'

const A = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const B = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'
const A_QUIC = `/ip4/192.0.2.1/udp/4001/quic-v1/p2p/${A}`
const A_TCP = `/ip4/192.0.2.1/tcp/4001/p2p/${A}`
const B_TCP = `/ip4/192.0.2.2/tcp/4001/p2p/${B}`
const BASE64 = 'c2VjcmV0LXRva2Vu=='

/** What the two hubs are shown. */
const shown = (hubs: readonly HubOption[]) => {
  const tokenFor = hubTokens(hubs)
  return [A, B].map(id => tokenFor(peerIdFromString(id)))
}

const badOption = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof NatError && error.code === 'BAD_OPTION', String(error))
  assert.match(error.message, message)
  return true
}

describe('what each hub is shown', () => {
  const rows: ReadonlyArray<readonly [string, readonly HubOption[], readonly (string | undefined)[]]> = [
    ['no tokens', [A_QUIC, B_TCP], [undefined, undefined]],
    ['one', [{ address: A_QUIC, token: 'a' }, B_TCP], ['a', undefined]],
    [
      'one each',
      [
        { address: A_QUIC, token: 'a' },
        { address: B_TCP, token: 'b' }
      ],
      ['a', 'b']
    ],
    ['at one of its addresses', [A_QUIC, { address: A_TCP, token: 'a' }], ['a', undefined]],
    [
      'the same at both',
      [
        { address: A_QUIC, token: 'a' },
        { address: A_TCP, token: 'a' }
      ],
      ['a', undefined]
    ]
  ]
  for (const [what, hubs, expected] of rows) it(what, () => assert.deepEqual(shown(hubs), expected))

  it('two for one hub: BAD_OPTION', () => {
    const hubs = [A_QUIC, A_TCP].map((address, index) => ({ address, token: `secret${index}` }))
    assert.throws(() => hubTokens(hubs), badOption(/two tokens for the hub 12D3/))
  })

  for (const token of ['', 'two words', 'x'.repeat(1_025), 7 as unknown as string]) {
    it(`one that is none: ${JSON.stringify(token).slice(0, 20)}`, () => {
      assert.throws(() => hubTokens([{ address: A_QUIC, token }]), badOption(/^the token for \/ip4/))
    })
  }

  it('an address without a peer id has no token: anybody could be there', () => {
    assert.throws(() => hubTokens([{ address: '/ip4/192.0.2.1/tcp/4001', token: 'a' }]), { code: 'BAD_ADDRESS' })
  })
})

describe('--token', () => {
  const rows: ReadonlyArray<
    readonly [string, hubs: readonly string[], tokens: readonly string[], (string | undefined)[] | RegExp]
  > = [
    ['none', [A_QUIC, B_TCP], [], [undefined, undefined]],
    ['a plain one and one hub', [A_QUIC], ['a'], ['a', undefined]],
    ['a plain one and two addresses of one hub', [A_QUIC, A_TCP], ['a'], ['a', undefined]],
    ['one that ends in =', [A_QUIC], [BASE64], [BASE64, undefined]],
    ['a plain one and two hubs', [A_QUIC, B_TCP], ['a'], /2 hubs were given: say whose token it is, as HUBID=TOKEN/],
    ['one with its hub', [A_QUIC, B_TCP], [`${B}=${BASE64}`], [undefined, BASE64]],
    ['one for each', [A_QUIC, B_TCP], [`${A}=a`, `${B}=b`], ['a', 'b']],
    ['one for another hub', [A_QUIC], [`${B}=b`], /for the hub 12D3KooWAg.* none of those given/],
    ['two for one hub', [A_QUIC], ['a', `${A}=b`], /two tokens for the hub/]
  ]
  for (const [what, hubs, tokens, expected] of rows) {
    it(what, () => {
      if (expected instanceof RegExp) assert.throws(() => withTokens(hubs, tokens), badOption(expected))
      else {
        const options = withTokens(hubs, tokens)
        assert.deepEqual(shown(options), expected)
        assert.deepEqual(hubAddresses(options), hubs)
      }
    })
  }
})
