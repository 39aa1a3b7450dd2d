import assert from 'node:assert/strict'
import test from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { type ChoiceRules, chooseAddress } from '../../../src/hub/autonat/choose.ts'

const PEER = '12D3KooWKFnoPGkBhzBS6uDsHQEu3xPViSF5nJN9wUmhvCNfxNNu'
const OTHER = '12D3KooWGatU9DLwG6qYmoKeDbhpYC1XNLRqrjnYJjfiPYfLN9J7'
const GOOD = '/ip4/11.0.0.7/udp/4001/quic-v1'

const rules: ChoiceRules = {
  peer: PEER,
  own: '11.0.0.7',
  families: new Set([4]),
  allowPrivate: false,
  maxAddresses: 4,
  canDial: address => /quic-v1$/.test(address.toString())
}
const bytesOf = (texts: readonly string[]) => texts.map(text => multiaddr(text).bytes)

const passedOver: ReadonlyArray<readonly [string, string]> = [
  ['private', '/ip4/192.168.1.7/udp/4001/quic-v1'],
  ['shared', '/ip4/100.64.0.7/udp/4001/quic-v1'],
  ['loopback', '/ip4/127.0.0.1/udp/4001/quic-v1'],
  ['link-local', '/ip4/169.254.1.1/udp/4001/quic-v1'],
  ['multicast', '/ip4/224.0.0.1/udp/4001/quic-v1'],
  ['a name', '/dns4/me.example/udp/4001/quic-v1'],
  ['port 0', '/ip4/11.0.0.7/udp/0/quic-v1'],
  ['a family that we have no address of', '/ip6/2606:4700::7/udp/4001/quic-v1'],
  ['a transport that we do not have', '/ip4/11.0.0.7/udp/4001/webrtc-direct'],
  ['relayed', `${GOOD}/p2p/${OTHER}/p2p-circuit`],
  ['of another peer', `${GOOD}/p2p/${OTHER}`]
]
for (const [what, address] of passedOver) {
  test(`passed over: ${what}`, () => {
    assert.equal(chooseAddress(bytesOf([address]), rules), undefined)
    const choice = chooseAddress(bytesOf([address, GOOD]), rules)
    assert.deepEqual([choice?.index, choice?.address.toString()], [1, `${GOOD}/p2p/${PEER}`])
  })
}

test('the first that can be dialled is taken, with or without the peer id', () => {
  const first = chooseAddress(bytesOf([`${GOOD}/p2p/${PEER}`, '/ip4/11.0.0.8/udp/4001/quic-v1']), rules)
  assert.deepEqual(
    { ...first, address: first?.address.toString() },
    { index: 0, address: `${GOOD}/p2p/${PEER}`, host: '11.0.0.7', family: 4 }
  )
})

test('bytes that are no address are passed over, and a long list is read to its bound only', () => {
  assert.equal(chooseAddress([Uint8Array.of(255, 255), ...bytesOf([GOOD])], rules)?.index, 1)
  const four = Array.from({ length: 4 }, () => Uint8Array.of(255))
  assert.equal(chooseAddress([...four, ...bytesOf([GOOD])], rules), undefined)
})

test('private and loopback addresses are for those who allow them', () => {
  const allowed = { ...rules, allowPrivate: true }
  for (const host of ['127.0.0.1', '192.168.1.7', '100.64.0.7']) {
    assert.equal(chooseAddress(bytesOf([`/ip4/${host}/udp/4001/quic-v1`]), allowed)?.host, host)
  }
  assert.equal(chooseAddress(bytesOf(['/ip4/224.0.0.1/udp/4001/quic-v1']), allowed), undefined)
})

const fromWhere: ReadonlyArray<readonly [what: string, own: string, host: string, dialled: boolean]> = [
  ['a private address, by the peer that comes from it', '192.168.1.7', '192.168.1.7', true],
  ["a laboratory's, by the peer that comes from it", '198.51.100.7', '198.51.100.7', true],
  ["a private address, by its neighbour's word", '192.168.1.8', '192.168.1.7', false],
  ['a private address, by the word of somebody on the internet', '11.0.0.7', '192.168.1.7', false],
  ['loopback, by a program on the same machine', '127.0.0.1', '127.0.0.1', false]
]
for (const [what, own, host, dialled] of fromWhere) {
  test(`${dialled ? 'dialled' : 'passed over'}: ${what}`, () => {
    const choice = chooseAddress(bytesOf([`/ip4/${host}/udp/4001/quic-v1`]), { ...rules, own })
    assert.equal(choice?.host, dialled ? host : undefined)
  })
}
