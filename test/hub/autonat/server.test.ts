import assert from 'node:assert/strict'
import test from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { seededRandom } from '../../../src/core/random.ts'
import { AUTONAT_LIMITS, PEER_ALLOWANCE } from '../../../src/hub/autonat/limits.ts'
import { DIAL_DATA } from '../../../src/wire/autonat.ts'
import { startAsker, startServer } from './asker.ts'

const NONCE = 0xfedc_ba98_7654_3210n
const signal = () => AbortSignal.timeout(20_000)
const bytes = (text: string) => multiaddr(text).bytes

for (const transport of ['quic-v1', 'tcp'] as const) {
  test(`an address that answers is OK over ${transport}: the nonce comes from a fresh port, under another identity`, async t => {
    const server = await startServer(t)
    const { node, ask, dialBacks, connection } = await startAsker(t, server)
    const own = node.getMultiaddrs().find(address => address.toString().includes(`/${transport}`))!
    const { message } = await ask([own.bytes], NONCE)
    assert.deepEqual(message, { dialResponse: { status: 'OK', addrIdx: 0, dialStatus: 'OK' } })
    assert.equal(dialBacks.length, 1)
    assert.equal(dialBacks[0]!.nonce, NONCE)
    assert.notEqual(dialBacks[0]!.from, server.peerId.toString())
    const ports = server.getMultiaddrs().map(address => address.getComponents()[1]!.value)
    assert.ok(!ports.includes(dialBacks[0]!.remoteAddr.getComponents()[1]!.value))
    assert.equal(connection.status, 'open')
    assert.equal(server.getConnections(node.peerId).length, 1, 'nothing but the connection that was there')
  })
}

test('two questions are two ports', async t => {
  const { node, ask, dialBacks } = await startAsker(t, await startServer(t))
  const own = node.getMultiaddrs()[0]!
  await ask([own.bytes])
  await ask([own.bytes])
  const [first, second] = dialBacks.map(({ remoteAddr }) => remoteAddr.getComponents()[1]!.value)
  assert.notEqual(first, second)
})

test('a hub of two addresses must get through from both', async t => {
  const { node, ask, dialBacks } = await startAsker(t, await startServer(t, { hosts: ['127.0.0.1', '127.0.0.2'] }))
  const opened: string[] = []
  node.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') opened.push(detail.remoteAddr.getComponents()[0]!.value!)
  })
  const { message } = await ask([node.getMultiaddrs()[0]!.bytes])
  assert.equal(message.dialResponse?.dialStatus, 'OK')
  assert.deepEqual(opened, ['127.0.0.1', '127.0.0.2'])
  assert.deepEqual(
    dialBacks.map(({ remoteAddr }) => remoteAddr.getComponents()[0]!.value),
    ['127.0.0.2']
  )
})

test('the first address that can be dialled is dialled, and only that one', async t => {
  const { node, ask } = await startAsker(t, await startServer(t))
  const closed = '/ip4/127.0.0.1/udp/9/quic-v1'
  const { message } = await ask([bytes('/dns4/me.example/tcp/4001'), bytes(closed), node.getMultiaddrs()[0]!.bytes])
  assert.deepEqual(message, { dialResponse: { status: 'OK', addrIdx: 1, dialStatus: 'E_DIAL_ERROR' } })
})

test('somebody else at the address is a dial error', async t => {
  const server = await startServer(t)
  const { ask } = await startAsker(t, server)
  const stranger = await startAsker(t, server)
  const theirs = stranger.node.getMultiaddrs()[0]!.decapsulate('/p2p')
  const { message } = await ask([theirs.bytes])
  assert.deepEqual(message, { dialResponse: { status: 'OK', addrIdx: 0, dialStatus: 'E_DIAL_ERROR' } })
  assert.deepEqual(stranger.dialBacks, [])
})

for (const onDialBack of ['reset', 'none'] as const) {
  test(`reached, but the nonce is not taken (${onDialBack}): a dial-back error`, async t => {
    const { node, ask } = await startAsker(t, await startServer(t), onDialBack)
    const { message } = await ask([node.getMultiaddrs()[0]!.bytes])
    assert.deepEqual(message, { dialResponse: { status: 'OK', addrIdx: 0, dialStatus: 'E_DIAL_BACK_ERROR' } })
  })
}

test('no address that would do is refused', async t => {
  const { ask } = await startAsker(t, await startServer(t, { allowPrivate: false }))
  for (const addrs of [[], [bytes('/ip4/127.0.0.1/udp/4001/quic-v1')], [bytes('/ip6/2606:4700::7/udp/1/quic-v1')]]) {
    const { message } = await ask(addrs)
    assert.deepEqual(message, { dialResponse: { status: 'E_DIAL_REFUSED' } })
  }
})

test('the dial of another host is paid for first', async t => {
  // its random delay is short
  const random = { ...seededRandom(1), int: (min: number) => min }
  const { node, ask, dialBacks } = await startAsker(t, await startServer(t, { random }))
  const elsewhere = node.getMultiaddrs()[0]!.toString().replace('127.0.0.1', '127.0.0.9')
  const { frames, message } = await ask([bytes(elsewhere)])
  assert.deepEqual(message, { dialDataRequest: { addrIdx: 0, numBytes: BigInt(DIAL_DATA.minBytes) } })
  const piece = new Uint8Array(DIAL_DATA.pieceBytes)
  for (let sent = 0; sent < DIAL_DATA.minBytes; sent += piece.length) {
    assert.deepEqual(dialBacks, [])
    frames.send({ dialDataResponse: { data: piece } })
  }
  const { dialResponse } = await frames.read(signal())
  // on Linux all of 127.0.0.0/8 is this machine, but the peer listens on 127.0.0.1 only
  assert.deepEqual(dialResponse, { status: 'OK', addrIdx: 0, dialStatus: 'E_DIAL_ERROR' })
})

test('who pays in crumbs, or with something else, gets nothing', async t => {
  const { ask } = await startAsker(t, await startServer(t))
  const elsewhere = bytes('/ip4/127.0.0.9/udp/4001/quic-v1')
  const crumbs = await ask([elsewhere])
  for (let i = 0; i <= AUTONAT_LIMITS.maxPieces; i++) {
    crumbs.frames.send({ dialDataResponse: { data: Uint8Array.of(1) } })
  }
  await assert.rejects(crumbs.frames.read(signal()))
  const other = await ask([elsewhere])
  other.frames.send({ dialRequest: { addrs: [], nonce: 2n } })
  await assert.rejects(other.frames.read(signal()))
})

test('garbage, and a message that is no request, end the stream', async t => {
  const { open } = await startAsker(t, await startServer(t))
  const garbage = await open()
  garbage.stream.send(Uint8Array.of(3, 255, 255, 255))
  await assert.rejects(garbage.read(signal()))
  const other = await open()
  other.send({ dialDataResponse: { data: Uint8Array.of(1) } })
  await assert.rejects(other.read(signal()))
})

test('a peer has so many questions at once, and then some a minute', async t => {
  const { ask } = await startAsker(t, await startServer(t))
  const statuses: (string | undefined)[] = []
  for (let i = 0; i <= PEER_ALLOWANCE.burst; i++) statuses.push((await ask([])).message.dialResponse?.status)
  assert.deepEqual(statuses, [...Array(PEER_ALLOWANCE.burst).fill('E_DIAL_REFUSED'), 'E_REQUEST_REJECTED'])
})

test('one peer holds no more places than it may', async t => {
  const { open, ask } = await startAsker(t, await startServer(t))
  const held = await Promise.all(Array.from({ length: AUTONAT_LIMITS.maxRequestsFrom }, open))
  // they say nothing, but have been seen: what came after them on the connection was
  for (const frames of held) frames.stream.send(Uint8Array.of(0x7f))
  const { message } = await ask([])
  assert.equal(message.dialResponse?.status, 'E_REQUEST_REJECTED')
  for (const { stream } of held) stream.abort(new Error('enough'))
})
