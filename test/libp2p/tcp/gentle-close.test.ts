import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import test from 'node:test'
import type { Connection, CreateListenerOptions, MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { tcp } from '../../../src/libp2p/tcp/index.ts'
import { until } from '../dcutr/fixture.ts'
import { byHand } from './splice.ts'

const MEGABYTE = Buffer.alloc(1_048_576, 'x')
/** More than the buffers of two sockets on loopback hold. */
const MEGABYTES = 16

/** Our transport without libp2p above it: its connections are bare ones. */
function bare() {
  const inbound = Promise.withResolvers<MultiaddrConnection>()
  const upgrader = {
    getConnectionEncrypters: () => new Map(),
    upgradeOutbound: async (connection: MultiaddrConnection) => connection,
    upgradeInbound: async (connection: MultiaddrConnection) => inbound.resolve(connection)
  } as unknown as Upgrader
  const transport = tcp()({ logger: defaultLogger() })
  const signal = new AbortController().signal
  return {
    inbound: inbound.promise,
    listen: async () => {
      const listener = transport.createListener({ upgrader } as CreateListenerOptions)
      await listener.listen(multiaddr('/ip4/127.0.0.1/tcp/0'))
      return listener
    },
    dial: async (address: ReturnType<typeof multiaddr>) => {
      const dialled: unknown = await transport.dial(address, { upgrader, signal })
      return dialled as MultiaddrConnection
    }
  }
}

async function pair() {
  const end = bare()
  const listener = await end.listen()
  const dialled = await end.dial(listener.getAddrs()[0]!)
  const accepted = await end.inbound
  return { dialled, accepted, [Symbol.asyncDispose]: () => listener.close() }
}

/** Writes as fast as the connection takes it. */
async function write(connection: MultiaddrConnection, megabytes: number): Promise<void> {
  for (let i = 0; i < megabytes; i++) {
    if (!connection.send(MEGABYTE))
      await new Promise(resolve => connection.addEventListener('drain', resolve, { once: true }))
  }
}

function counted(connection: MultiaddrConnection): () => number {
  let bytes = 0
  connection.addEventListener('message', ({ data }) => {
    bytes += data.byteLength
  })
  return () => bytes
}

test('much written, then closed: all of it arrives, and both ends are closed, not aborted', async () => {
  await using ends = await pair()
  const { dialled, accepted } = ends
  const bytes = counted(accepted)
  await write(dialled, MEGABYTES)
  await dialled.close()
  await until('the other end closes', () => accepted.status !== 'open')
  assert.equal(bytes(), MEGABYTES * MEGABYTE.length)
  assert.deepEqual([dialled.status, accepted.status], ['closed', 'closed'])
})

test('closed while the other side is still writing: what was written before arrives whole', async () => {
  await using ends = await pair()
  const { dialled, accepted } = ends
  const bytes = counted(accepted)
  await write(dialled, MEGABYTES)
  const chatter = setInterval(() => accepted.status === 'open' && accepted.send(Buffer.alloc(1_000)), 1)
  await dialled.close()
  await until('the other end closes', () => accepted.status !== 'open')
  clearInterval(chatter)
  assert.equal(bytes(), MEGABYTES * MEGABYTE.length)
  assert.deepEqual([dialled.status, accepted.status], ['closed', 'closed'])
})

test('another side that never ends: closed after a second, and the socket is gone', async () => {
  const other = Promise.withResolvers<Socket>()
  await using stubborn = await byHand(socket => other.resolve(socket.resume()))
  const dialled = await bare().dial(stubborn.address)
  const { socket } = dialled as unknown as { socket: Socket }
  const ended = once(await other.promise, 'end')
  const startMs = performance.now()
  const closed = dialled.close()
  await ended
  assert.equal(socket.destroyed, false, 'the other side has its time')
  await closed
  assert.ok(performance.now() - startMs >= 990)
  assert.equal(socket.destroyed, true)
  assert.equal(dialled.status, 'closed')
})

test('the signal ends the wait', async () => {
  await using stubborn = await byHand(socket => void socket.resume())
  const dialled = await bare().dial(stubborn.address)
  const { socket } = dialled as unknown as { socket: Socket }
  const controller = new AbortController()
  const startMs = performance.now()
  const closed = dialled.close({ signal: controller.signal }).catch(() => {})
  controller.abort()
  await closed
  await until('the socket is gone', () => socket.destroyed)
  assert.ok(performance.now() - startMs < 900, 'it did not wait for its own deadline')
})

test('aborted: the other side sees a reset, not an end', async () => {
  const other = Promise.withResolvers<Socket>()
  await using stranger = await byHand(socket => other.resolve(socket.resume()))
  const dialled: Pick<Connection, 'abort'> = await bare().dial(stranger.address)
  const reset = once(await other.promise, 'error')
  dialled.abort(new Error('enough'))
  const [error] = await reset
  assert.equal(error.code, 'ECONNRESET')
})
