import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import test from 'node:test'
import type { Connection } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { encodeFrame } from '../../../src/libp2p/frames.ts'
import { until } from '../dcutr/fixture.ts'
import { tcpNode } from './node.ts'
import { byHand, splice } from './splice.ts'

const ECHO = '/test/echo'
const GREETING = encodeFrame(Buffer.from('/multistream/1.0.0\n'))
const PROPOSAL = encodeFrame(Buffer.from('/noise\n'))
/** Noise's first message: an ephemeral key behind its length. */
const FIRST_MESSAGE = Buffer.concat([Uint8Array.of(0, 32), Buffer.alloc(32, 7)])

test('one client, one server: the server is it in Noise, multistream-select and yamux', async () => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  await using joint = await splice()
  for (const { node } of [a, b]) {
    await node.handle(ECHO, stream => void stream.addEventListener('message', ({ data }) => stream.send(data)))
  }
  const met: string[] = []
  const [client, server] = await Promise.all([
    a.dial(joint.ends[0].encapsulate(`/p2p/${b.node.peerId}`), {
      punch: true,
      role: 'client',
      onMet: () => met.push('client')
    }),
    b.dial(joint.ends[1].encapsulate(`/p2p/${a.node.peerId}`), {
      punch: true,
      role: 'server',
      onMet: () => met.push('server')
    })
  ])
  assert.deepEqual([client.direction, server.direction], ['outbound', 'inbound'])
  assert.deepEqual([`${client.remotePeer}`, `${server.remotePeer}`], [`${b.node.peerId}`, `${a.node.peerId}`])
  assert.deepEqual(met.sort(), ['client', 'server'])
  // yamux numbers its streams by role: two of one kind would take each other's
  const echoes = await Promise.all([client, server, client, server].map(echo))
  assert.deepEqual(echoes, Array(4).fill('over it'))
})

async function echo(connection: Connection): Promise<string> {
  const bytes = byteStream(await connection.newStream(ECHO))
  await bytes.write(Buffer.from('over it'))
  return Buffer.from((await bytes.read({ bytes: 7 })).subarray()).toString()
}

for (const role of ['client', 'server'] as const) {
  test(`two of one role (${role}): both fail, and no connection is left`, async () => {
    await using a = await tcpNode()
    await using b = await tcpNode()
    await using joint = await splice()
    const dials = [
      a.dial(joint.ends[0].encapsulate(`/p2p/${b.node.peerId}`), { punch: true, role }),
      b.dial(joint.ends[1].encapsulate(`/p2p/${a.node.peerId}`), { punch: true, role })
    ]
    for (const { status } of await Promise.allSettled(dials)) assert.equal(status, 'rejected')
    assert.deepEqual([...a.node.getConnections(), ...b.node.getConnections()], [])
  })
}

test('another client: it resets first, and we send no reset that would cross its own', async () => {
  await using a = await tcpNode()
  const other = Promise.withResolvers<Socket>()
  await using stranger = await byHand(socket => {
    socket.write(Buffer.concat([GREETING, PROPOSAL, FIRST_MESSAGE]))
    other.resolve(socket.resume())
  })
  let settled = false
  const dial = a.dial(stranger.address, { punch: true, role: 'client' }).finally(() => {
    settled = true
  })
  dial.catch(() => {})
  const socket = await other.promise
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  // by then it has read all of what it takes for our answer
  await until('our Noise message', () => socket.bytesRead >= GREETING.length + PROPOSAL.length + FIRST_MESSAGE.length)
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.deepEqual({ settled, closed }, { settled: false, closed: false })
  socket.resetAndDestroy()
  await assert.rejects(dial)
})

test('another client that does not reset: we do, half a second later', async () => {
  await using a = await tcpNode()
  const other = Promise.withResolvers<Socket>()
  await using stranger = await byHand(socket => {
    socket.write(Buffer.concat([GREETING, PROPOSAL, FIRST_MESSAGE]))
    other.resolve(socket.resume())
  })
  const dial = a.dial(stranger.address, { punch: true, role: 'client' })
  const reset = other.promise.then(async socket => await once(socket, 'error'))
  await assert.rejects(dial)
  const [error] = await reset
  assert.equal(error.code, 'ECONNRESET')
})

test('another server, which only greets: ended with a reset before half of the window is over', async () => {
  await using a = await tcpNode()
  const reset = Promise.withResolvers<{ code?: string }>()
  await using stranger = await byHand(socket => {
    socket.write(GREETING)
    socket.resume().on('error', reset.resolve)
  })
  const startMs = performance.now()
  await assert.rejects(a.dial(stranger.address, { punch: true, role: 'server' }))
  assert.equal((await reset.promise).code, 'ECONNRESET')
  assert.ok(performance.now() - startMs >= 1_400, 'a client whose first packet was lost has had its chance')
})
