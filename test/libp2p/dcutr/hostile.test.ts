import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import test from 'node:test'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { DCUTR_PROTOCOL, type HolePunch, holePunchCodec } from '../../../src/wire/dcutr.ts'
import {
  barePeer,
  brief,
  connectOver,
  fastClock,
  listenAddresses,
  relayNode,
  type TestPeer,
  testPeer,
  until
} from './fixture.ts'

const options = { clock: fastClock(10) }
const limited = { runOnLimitedConnection: true }

function framed(body: Uint8Array): Uint8Array {
  const prefix = body.length < 128 ? [body.length] : [(body.length & 127) | 128, (body.length >> 7) & 127]
  // a third byte of the varint, for the lengths that nobody should accept
  if (body.length > 16_383) prefix.splice(1, 1, ((body.length >> 7) & 127) | 128, body.length >> 14)
  return Buffer.concat([Uint8Array.from(prefix), body])
}
const message = (type: HolePunch['type'], addresses: readonly string[] = []) =>
  framed(holePunchCodec.encode({ type, observedAddresses: addresses.map(text => multiaddr(text).bytes) }))
const connect = (...addresses: string[]) => message('CONNECT', addresses)
const stillWorks = async (from: Libp2p, connection: Connection) => {
  assert.equal(connection.status, 'open')
  const stream = await connection.newStream('/ipfs/id/1.0.0', limited)
  assert.ok((await byteStream(stream).read())!.byteLength > 0, `${from.peerId} is answered over the relay`)
}
const first = (peer: TestPeer) => until('an attempt', () => peer.attempts.length > 0)

/** What a stranger that begins the exchange sends, and the attempt that comes of it. */
const toReceiver: ReadonlyArray<readonly [string, (stream: Stream, own: string) => Promise<void> | void, string]> = [
  ['garbage', stream => void stream.send(Buffer.alloc(300, 0x61)), 'failed malformed'],
  [
    'a message cut off',
    async stream => {
      stream.send(Uint8Array.of(50, 8, 100))
      await stream.close()
    },
    'failed malformed'
  ],
  ['a length of 2 MB', stream => void stream.send(Uint8Array.of(0x80, 0x80, 0x80, 1)), 'failed malformed'],
  [
    'a CONNECT with 10,000 addresses',
    stream =>
      void stream.send(connect(...Array.from({ length: 10_000 }, (_, i) => `/ip4/11.0.${i >> 8}.${i & 255}/tcp/4001`))),
    'failed malformed'
  ],
  ['a SYNC first', stream => void stream.send(message('SYNC')), 'failed malformed'],
  [
    'a second CONNECT',
    (stream, own) => void stream.send(Buffer.concat([connect(own), connect(own)])),
    'failed malformed'
  ],
  ['nothing', () => {}, 'failed silent'],
  ['a CONNECT, and then nothing', (stream, own) => void stream.send(connect(own)), 'failed silent'],
  ['a hang-up', stream => stream.close(), 'failed refused'],
  ['a reset', stream => stream.abort(new Error('go away')), 'failed refused'],
  ['no address', stream => void stream.send(connect()), 'skipped no-peer-address'],
  [
    'addresses that nobody may dial',
    stream =>
      void stream.send(
        connect('/ip4/11.0.0.9/tcp/0', '/ip4/224.0.0.1/tcp/1', '/dns4/victim.example/tcp/1', '/ip4/11.0.0.9/udp/1')
      ),
    'skipped no-peer-address'
  ],
  [
    'bytes that are no addresses',
    stream => void stream.send(framed(Buffer.concat([Buffer.from('0864', 'hex'), Buffer.from('1203ffffff', 'hex')]))),
    'skipped no-peer-address'
  ]
]
for (const [what, act, expected] of toReceiver) {
  test(`the receiver is sent ${what}: ${expected}`, async () => {
    await using relay = await relayNode()
    await using a = await testPeer({ options })
    await using stranger = await barePeer(relay)
    const relayed = await connectOver(relay, a.node, stranger)
    const stream = await stranger.getConnections(a.node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
    await act(stream, listenAddresses(a.node)[0]!.toString().replace(/\d+$/, '9'))
    await first(a)
    assert.deepEqual(brief(a.attempts), [`punch-quic ${expected}`])
    await stillWorks(a.node, relayed)
  })
}

/** What a stranger answers to a CONNECT, and the attempt that comes of it. */
const toInitiator: ReadonlyArray<readonly [string, ((stream: Stream) => Promise<void> | void) | undefined, string]> = [
  ['that it knows no DCUtR', undefined, 'skipped unsupported'],
  ['garbage', stream => void stream.send(Buffer.alloc(300, 0x61)), 'failed malformed'],
  ['a SYNC', stream => void stream.send(message('SYNC')), 'failed malformed'],
  ['nothing', () => {}, 'failed silent'],
  ['a reset', stream => stream.abort(new Error('go away')), 'failed refused'],
  ['no address', stream => void stream.send(connect()), 'skipped no-peer-address']
]
for (const [what, act, expected] of toInitiator) {
  test(`the initiator is answered ${what}: ${expected}`, async () => {
    await using relay = await relayNode()
    await using b = await testPeer({ relay, options })
    await using stranger = await barePeer()
    if (act != null) await stranger.handle(DCUTR_PROTOCOL, act, limited)
    const relayed = await connectOver(relay, stranger, b.node)
    await first(b)
    assert.deepEqual(brief(b.attempts)[0], `punch-quic ${expected}`)
    await stillWorks(stranger, relayed)
  })
}

test('loopback in a CONNECT is not dialled by a node in the open', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options: { ...options, allowPrivate: false } })
  await using stranger = await barePeer(relay)
  a.node.services.dcutr.observed.note({
    address: multiaddr('/ip4/11.0.0.7/tcp/4001'),
    observer: 'hub',
    observerHost: '11.0.0.254',
    origin: 'asked'
  })
  const relayed = await connectOver(relay, a.node, stranger)
  const stream = await stranger.getConnections(a.node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
  stream.send(
    connect('/ip4/127.0.0.1/tcp/22', '/ip6/::1/tcp/22', '/ip4/192.168.1.1/tcp/80', '/ip4/169.254.169.254/tcp/80')
  )
  await first(a)
  assert.deepEqual(brief(a.attempts), ['punch-quic skipped no-peer-address'])
  assert.equal(a.attempts[0]?.detail, '4 not-public')
  assert.deepEqual(
    a.firewall.dials.filter(({ punch }) => punch),
    []
  )
  await stillWorks(a.node, relayed)
})

test("a third party's host, named in every CONNECT of three rounds, gets ten small packets", async () => {
  await using relay = await relayNode()
  await using b = await testPeer({ relay, options })
  await using stranger = await barePeer()
  const bystander = createSocket('udp4')
  let packets = 0
  bystander.on('message', () => packets++)
  bystander.bind(0, '127.0.0.1').unref()
  await once(bystander, 'listening')
  const { port } = bystander.address()
  const out = createSocket('udp4').unref()
  b.firewall.onSend = (bytes, to) => out.send(bytes, Number(to.getComponents()[1]?.value), '127.0.0.1')

  await stranger.handle(DCUTR_PROTOCOL, stream => void stream.send(connect(`/ip4/127.0.0.1/tcp/${port}`)), limited)
  const relayed = await connectOver(relay, stranger, b.node)
  await b.node.services.dcutr.upgrade(stranger.peerId)
  assert.equal(packets, 10)
  assert.ok(b.firewall.sent.every(({ bytes }) => bytes.length <= 20))
  assert.equal(b.firewall.dials.filter(({ punch }) => punch).length, 1)
  await stillWorks(stranger, relayed)

  // the same host again, under many ports: what has come back in the meantime, and no more
  await stranger.unhandle(DCUTR_PROTOCOL)
  const ports = ['1', '2', '3'].map(n => `/ip4/127.0.0.1/tcp/${n}`)
  await stranger.handle(DCUTR_PROTOCOL, stream => void stream.send(connect(...ports)), limited)
  const before = b.firewall.sent.length
  await b.node.services.dcutr.upgrade(stranger.peerId)
  assert.ok(b.firewall.sent.length - before <= 8, `${b.firewall.sent.length - before} more`)
  bystander.close()
  out.close()
})

test('a hundred streams at once: one exchange is served, the others are reset', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options })
  await using stranger = await barePeer(relay)
  const relayed = await connectOver(relay, a.node, stranger)
  const back = stranger.getConnections(a.node.peerId)[0]!
  const streams = await Promise.allSettled(
    Array.from({ length: 100 }, () => back.newStream(DCUTR_PROTOCOL, { ...limited, maxOutboundStreams: 1_000 }))
  )
  await first(a)
  const open = streams.filter(result => result.status === 'fulfilled' && result.value.status === 'open')
  assert.ok(open.length <= 1, `${open.length} are open`)
  assert.deepEqual(brief(a.attempts), ['punch-quic failed silent'])
  await stillWorks(a.node, relayed)
})

test('a peer that begins nothing: one failed attempt, silent', async () => {
  await using relay = await relayNode()
  await using a = await testPeer({ options })
  await using stranger = await barePeer(relay)
  const relayed = await connectOver(relay, a.node, stranger)
  assert.equal((await a.node.services.dcutr.upgrade(stranger.peerId)).outcome, 'relayed')
  assert.deepEqual(brief(a.attempts), ['punch-quic failed silent'])
  await stillWorks(a.node, relayed)
})

test('the relay closes in the middle of the exchange: both sides end at once, with that reason', async () => {
  const relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  await using stranger = await barePeer()
  await using silent = await barePeer(relay)
  await stranger.handle(DCUTR_PROTOCOL, () => {}, limited)
  await Promise.all([connectOver(relay, stranger, b.node), connectOver(relay, a.node, silent)])
  await silent.getConnections(a.node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
  const ends = [b.node.services.dcutr.upgrade(stranger.peerId), a.node.services.dcutr.upgrade(silent.peerId)]
  await relay.stop()
  await Promise.all(ends)
  assert.deepEqual(brief(b.attempts), ['punch-quic failed relay-closed', 'reverse skipped peer-not-public'])
  assert.deepEqual(brief(a.attempts), ['punch-quic failed relay-closed'])
})

test('a direct connection that carries nothing does not count, and goes', async () => {
  await using relay = await relayNode()
  await using b = await testPeer({ relay, door: 'public', options })
  await using stranger = await barePeer()
  const target = listenAddresses(b.node)[0]!
  await stranger.handle('/ipfs/ping/1.0.0', () => {})
  await stranger.handle(
    DCUTR_PROTOCOL,
    async stream => {
      stream.send(connect('/ip4/127.0.0.1/tcp/9'))
      await until('SYNC', () => b.firewall.sent.length > 0)
      await stranger.dial(target.encapsulate(`/p2p/${b.node.peerId}`), { force: true } as object).catch(() => {})
    },
    limited
  )
  const relayed = await connectOver(relay, stranger, b.node)
  await first(b)
  assert.equal(brief(b.attempts)[0], 'punch-quic failed unproven')
  assert.deepEqual(
    b.node.getConnections(stranger.peerId).filter(({ direct }) => direct),
    []
  )
  await stillWorks(stranger, relayed)
})

test('streams over direct or inbound connections are refused', async () => {
  await using a = await testPeer({ door: 'public', announces: true })
  await using stranger = await barePeer()
  const direct = await stranger.dial(a.node.getMultiaddrs()[0]!)
  const stream = await direct.newStream(DCUTR_PROTOCOL)
  await until('the reset', () => stream.status !== 'open')
  assert.deepEqual(a.attempts, [])
})
