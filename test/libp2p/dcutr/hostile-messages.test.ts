import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { CANDIDATE_LIMITS } from '../../../src/traversal/candidates.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { acquaint, barePeer, brief, connectOver, limited, nothingLeft, relayNode, testPeer } from './fixture.ts'
import { begin, bystander, connect, firstAttempt, framed, framesOf, message, stillWorks } from './stranger.ts'

const relay = await relayNode()
after(() => relay[Symbol.asyncDispose]())

/** A host where nothing answers. */
const nowhere = await bystander('127.0.200.1')
after(() => nowhere[Symbol.asyncDispose]())
const [ghost = ''] = nowhere.addresses

const manyAddresses = (count: number) =>
  Array.from({ length: count }, (_, i) => `/ip4/127.200.${i >> 8}.${i & 255}/udp/4001/quic-v1`)

type Act = (stream: Stream) => Promise<unknown> | unknown
type Row = readonly [what: string, act: Act, attempt: string]

const bad: readonly Row[] = [
  ['garbage', stream => stream.send(Buffer.alloc(300, 0x61)), 'failed malformed'],
  ['a megabyte of garbage', stream => stream.send(Buffer.alloc(1_048_576, 0x61)), 'failed malformed'],
  [
    'a message cut off',
    async stream => {
      stream.send(Uint8Array.of(50, 8, 100))
      await stream.close()
    },
    'failed malformed'
  ],
  ['a length of 2 MB', stream => stream.send(Uint8Array.of(0x80, 0x80, 0x80, 1)), 'failed malformed'],
  ['a length of 4,097', stream => stream.send(framed(Buffer.alloc(4_097))), 'failed malformed'],
  ['10,000 addresses', stream => stream.send(connect(...manyAddresses(10_000))), 'failed malformed'],
  ['a SYNC first', stream => stream.send(message('SYNC')), 'failed malformed'],
  ['nothing', () => {}, 'failed silent'],
  ['half a message, and then nothing', stream => stream.send(connect(ghost).subarray(0, 5)), 'failed silent'],
  ['a hang-up', stream => stream.close(), 'failed refused'],
  ['a reset', stream => stream.abort(new Error('go away')), 'failed refused'],
  ['no address', stream => stream.send(connect()), 'skipped no-peer-address'],
  [
    'addresses that nobody may dial',
    stream =>
      stream.send(
        connect(
          '/ip4/127.0.200.1/udp/0/quic-v1',
          '/ip4/224.0.0.1/udp/1/quic-v1',
          '/ip4/255.255.255.255/udp/1/quic-v1',
          '/ip4/0.0.0.0/udp/1/quic-v1',
          '/dns4/victim.example/udp/1/quic-v1',
          '/ip4/127.0.200.1/tcp/1'
        )
      ),
    'skipped no-peer-address'
  ],
  [
    'bytes that are no addresses',
    stream => stream.send(framed(Buffer.concat([Buffer.from('0864', 'hex'), Buffer.from('1203ffffff', 'hex')]))),
    'skipped no-peer-address'
  ]
]

/** What a stranger that begins the exchange sends, and the attempt that comes of it. */
const toReceiver: readonly Row[] = [
  ...bad,
  ['a second CONNECT', stream => stream.send(Buffer.concat([connect(ghost), connect(ghost)])), 'failed malformed'],
  ['a CONNECT, and then nothing', stream => stream.send(connect(ghost)), 'failed silent'],
  [
    'a CONNECT, and a reset when it is answered',
    async stream => {
      const frames = framesOf(stream)
      stream.send(connect(ghost))
      await frames.read(AbortSignal.timeout(2_000))
      stream.abort(new Error('go away'))
    },
    'failed refused'
  ],
  [
    'a SYNC twice, and a CONNECT after it',
    stream => stream.send(Buffer.concat([connect(ghost), message('SYNC'), message('SYNC'), connect(ghost)])),
    'failed no-answer'
  ],
  [
    'as many addresses as fit',
    stream => stream.send(Buffer.concat([connect(...manyAddresses(310)), message('SYNC')])),
    'failed no-answer'
  ]
]
for (const [what, act, expected] of toReceiver) {
  test(`the receiver is sent ${what}: ${expected}`, async () => {
    await using a = await testPeer({ speed: 10 })
    await acquaint(relay, a)
    await using stranger = await barePeer(relay)
    const relayed = await connectOver(relay, a.node, stranger)
    await act(await begin(stranger, a))
    assert.equal((await a.upgrade({ node: stranger })).outcome, 'relayed')
    assert.deepEqual(brief(a.attempts), [`punch-quic ${expected}`])
    assert.ok(a.nat.dials.filter(({ punch }) => punch).length <= CANDIDATE_LIMITS.candidates)
    await stillWorks(relayed)
    await nothingLeft(a)
  })
}

/** What a stranger answers to a CONNECT, and the first attempt that comes of it. */
const toInitiator: readonly Row[] = [
  ...bad,
  [
    'a CONNECT, two SYNCs and a CONNECT',
    stream => stream.send(Buffer.concat([connect(ghost), message('SYNC'), message('SYNC'), connect(ghost)])),
    'failed no-answer'
  ],
  ['as many addresses as fit', stream => stream.send(connect(...manyAddresses(310))), 'failed no-answer']
]
for (const [what, act, expected] of toInitiator) {
  test(`the initiator is answered ${what}: ${expected}`, async () => {
    await using b = await testPeer({ relay, speed: 10 })
    await using stranger = await barePeer()
    await stranger.handle(DCUTR_PROTOCOL, async stream => void (await act(stream)), limited)
    const relayed = await connectOver(relay, stranger, b.node)
    await firstAttempt(b)
    assert.deepEqual(brief(b.attempts)[0], `punch-quic ${expected}`)
    assert.equal((await b.upgrade({ node: stranger })).outcome, 'relayed')
    assert.equal(brief(b.attempts).at(-1), 'reverse skipped peer-not-public')
    await stillWorks(relayed)
    await nothingLeft(b)
  })
}

test('the initiator is answered that it knows no DCUtR: skipped unsupported', async () => {
  await using b = await testPeer({ relay, speed: 10 })
  await using stranger = await barePeer()
  const relayed = await connectOver(relay, stranger, b.node)
  assert.equal((await b.upgrade({ node: stranger })).outcome, 'relayed')
  assert.deepEqual(brief(b.attempts), ['punch-quic skipped unsupported', 'reverse skipped peer-not-public'])
  await stillWorks(relayed)
  await nothingLeft(b)
})
