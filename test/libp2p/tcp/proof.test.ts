import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import test from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { prove } from '../../../src/libp2p/tcp/proof.ts'
import { readExactly } from '../../../src/libp2p/tcp/read.ts'
import { decodeTcpHello, encodeTcpProof, TCP_HELLO_FRAME_BYTES, tcpProofInput } from '../../../src/wire/tcp-proof.ts'
import { hello, linkKeys, pair, proving } from './pair.ts'

const never = new AbortController().signal

for (const [who, serverFirst, clientFirst] of [
  ['both speak at once', true, true],
  ['the client came to a listener', false, true],
  ['the server came to a listener', true, false]
] as const) {
  test(`two sides of a link prove themselves: ${who}; what comes next stays in the socket`, async t => {
    const [a, b] = await pair(t)
    const keys = linkKeys()
    const both = [
      prove(a, proving('client', keys.client), clientFirst).then(() => a.write('from the client')),
      prove(b, proving('server', keys.server), serverFirst).then(() => b.write('from the server'))
    ]
    await Promise.all(both)
    assert.equal(Buffer.from(await readExactly(b, 15, never)).toString(), 'from the client')
    assert.equal(Buffer.from(await readExactly(a, 15, never)).toString(), 'from the server')
  })
}

/** A side that proves itself, and a socket by which the test says what it likes. */
const strangers: ReadonlyArray<readonly [string, (stranger: Socket) => unknown, { code: string }]> = [
  ['answers as a web server', s => s.write('HTTP/1.1 400 Bad Request\r\n\r\n'), { code: 'MALFORMED' }],
  ['speaks libp2p', s => s.write('\x13/multistream/1.0.0\n\x07/noise\n'), { code: 'MALFORMED' }],
  ['is of another link', s => s.write(hello('server', 'fedcba9876543210')), { code: 'WRONG_PEER' }],
  ['has our own role', s => s.write(hello('client')), { code: 'WRONG_PEER' }],
  [
    'has no keys',
    s => s.write(Buffer.concat([hello('server'), encodeTcpProof(new Uint8Array(32))])),
    { code: 'WRONG_PEER' }
  ],
  [
    'says HELLO and then no PROOF',
    s => s.write(Buffer.concat([hello('server'), hello('server'), hello('server')])),
    { code: 'MALFORMED' }
  ],
  ['ends at once', s => s.end(), { code: 'ECONNRESET' }],
  ['ends in the middle', s => s.end(hello('server').subarray(0, 9)), { code: 'ECONNRESET' }],
  ['resets', s => s.resetAndDestroy(), { code: 'ECONNRESET' }]
]
for (const [what, act, error] of strangers) {
  test(`the other end ${what}: ${error.code}`, async t => {
    const [a, stranger] = await pair(t)
    stranger.resume()
    const proven = prove(a, proving('client', linkKeys().client), true)
    act(stranger)
    await assert.rejects(proven, error)
  })
}

test('our own words, sent back, prove nothing', async t => {
  const [a, mirror] = await pair(t)
  mirror.pipe(mirror)
  await assert.rejects(prove(a, proving('server', linkKeys().server), true), { code: 'WRONG_PEER' })
})

test('a PROOF that was true on another connection is not on this one', async t => {
  const keys = linkKeys()
  const [a, replayer] = await pair(t)
  const theirs = Buffer.alloc(16, 1)
  const earlier = seededRandom(1).bytes(16)
  const input = tcpProofInput(Buffer.from(keys.client.link, 'hex'), 'server', earlier, theirs)
  const proof = encodeTcpProof(createHmac('sha256', keys.server.mine).update(input).digest())
  const words = Buffer.concat([hello('server', keys.client.link, theirs), proof])

  replayer.resume().write(words)
  await assert.rejects(prove(a, proving('client', keys.client), true), { code: 'WRONG_PEER' })

  // the same words are good where our nonce is the one of then
  const [b, other] = await pair(t)
  other.resume().write(words)
  await prove(b, proving('client', keys.client, { random: { ...seededRandom(1) } }), true)
})

test('a server that is told another link says nothing, not even HELLO', async t => {
  const [a, stranger] = await pair(t)
  const proven = prove(a, proving('server', linkKeys().server), false)
  stranger.write(hello('client', 'fedcba9876543210'))
  await assert.rejects(proven, { code: 'WRONG_PEER' })
  a.end()
  stranger.resume()
  await once(stranger, 'close')
  assert.equal(stranger.bytesRead, 0)
})

test('whoever is silent has three seconds', async t => {
  const [a] = await pair(t)
  const clock = new VirtualClock()
  const proven = prove(a, proving('client', linkKeys().client, { clock }), true)
  let over = false
  proven.catch(() => {
    over = true
  })
  await clock.advance(2_999)
  assert.equal(over, false)
  await clock.advance(1)
  await assert.rejects(proven, { code: 'TIMEOUT' })
  assert.equal(clock.pending, 0)
})

test('a connection that the client does not choose is not proven to the server', async t => {
  const [a, b] = await pair(t)
  const keys = linkKeys()
  const server = prove(b, proving('server', keys.server), true)
  await assert.rejects(prove(a, proving('client', keys.client, { choose: () => false }), true), { name: 'NotChosen' })
  a.destroy()
  await assert.rejects(server, { code: 'ECONNRESET' })
})

test('the signal ends it with its own reason, and leaves no listener', async t => {
  const [a, stranger] = await pair(t)
  const stop = new AbortController()
  const before = ['readable', 'error', 'end', 'close'].map(name => a.listenerCount(name))
  const proven = prove(a, proving('client', linkKeys().client, { signal: stop.signal }), true)
  decodeTcpHello(await readExactly(stranger, TCP_HELLO_FRAME_BYTES, never))
  stop.abort(new Error('enough'))
  await assert.rejects(proven, { message: 'enough' })
  assert.deepEqual(
    ['readable', 'error', 'end', 'close'].map(name => a.listenerCount(name)),
    before
  )
})
