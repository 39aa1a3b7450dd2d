import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Stream } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { ping } from '@libp2p/ping'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { VirtualClock } from '../../src/core/clock.ts'
import { NatError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { LIVENESS, liveness } from '../../src/libp2p/liveness.ts'
import { tcp } from '../../src/libp2p/tcp/index.ts'
import { yamux } from '../../src/libp2p/yamux.ts'

const PING = '/ipfs/ping/1.0.0'

const common = {
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  connectionMonitor: { enabled: false }
}

/** A node that asks its one connection, to a peer that speaks ping, or not, or hears it and is silent. */
async function watched(
  t: TestContext,
  peer: 'ping' | 'no ping' | 'silent',
  spares: (connection: Connection) => boolean,
  isHub = false
) {
  const clock = new VirtualClock()
  const other = await createLibp2p({ ...common, ...(peer === 'ping' ? { services: { ping: ping() } } : {}) })
  const hubs = new Set(isHub ? [other.peerId.toString()] : [])
  const node = await createLibp2p({
    ...common,
    services: { liveness: liveness({ spares, hubs, clock, random: seededRandom(1) }) }
  })
  t.after(async () => {
    await node.stop()
    await other.stop()
    assert.equal(clock.pending, 0)
  })
  const streams: { count: number; last?: Stream } = { count: 0 }
  let awake = false
  const hear = async (stream: Stream) => {
    streams.count++
    streams.last = stream
    if (awake) for await (const bytes of stream) stream.send(bytes)
  }
  if (peer === 'silent') await other.handle(PING, hear)
  const connection = await node.dial(other.getMultiaddrs()[0]!)
  return {
    clock,
    connection,
    streams,
    /** The other side. */
    other,
    /** So many streams have been opened. */
    async heard(count: number) {
      while (streams.count < count) await new Promise(resolve => setImmediate(resolve))
    },
    wakeUp() {
      awake = true
    }
  }
}

/** Until a ping has ended well, which tells the round trip. */
async function answered(clock: VirtualClock, connection: Connection, everyMs: number): Promise<void> {
  delete connection.rtt
  await clock.advance(everyMs)
  while (connection.rtt == null && connection.status === 'open') await new Promise(resolve => setImmediate(resolve))
  assert.equal(connection.status, 'open')
}

describe('liveness of connections', { timeout: 20_000 }, () => {
  for (const peer of ['ping', 'no ping'] as const) {
    test(`one to a peer with ${peer} is asked again and again, and stays`, async t => {
      const { clock, connection } = await watched(t, peer, () => false)
      for (let time = 0; time < 3; time++) await answered(clock, connection, LIVENESS.everyMs)
    })
  }

  test('a hub is asked more often', async t => {
    const { clock, connection } = await watched(t, 'ping', () => false, true)
    for (let time = 0; time < 3; time++) await answered(clock, connection, LIVENESS.hubEveryMs)
  })

  for (const isHub of [false, true]) {
    test(`${isHub ? 'a hub' : 'one'} that says nothing is asked twice, and aborted`, async t => {
      const { clock, connection, heard, streams } = await watched(t, 'silent', () => false, isHub)
      await clock.advance(isHub ? LIVENESS.hubEveryMs : LIVENESS.everyMs)
      await heard(1)
      await clock.advance(LIVENESS.queuedAnswerMs)
      await heard(2)
      await clock.advance(LIVENESS.queuedAnswerMs - 1)
      assert.equal(connection.status, 'open')
      const closed = once(connection, 'close')
      await clock.advance(1)
      await closed
      assert.equal(connection.status, 'aborted')
      assert.equal(streams.count, 2)
    })
  }

  test('one that answers the second question stays', async t => {
    const { clock, connection, heard, wakeUp } = await watched(t, 'silent', () => false)
    await clock.advance(LIVENESS.everyMs)
    await heard(1)
    wakeUp()
    await clock.advance(LIVENESS.queuedAnswerMs)
    await heard(2)
    while (connection.rtt == null) await new Promise(resolve => setImmediate(resolve))
    await clock.advance(LIVENESS.everyMs - LIVENESS.queuedAnswerMs - 1)
    assert.equal(connection.status, 'open')
  })

  test('one that is spared is never asked', async t => {
    const { clock, connection, streams } = await watched(t, 'silent', () => true)
    await clock.advance(10 * LIVENESS.everyMs)
    assert.deepEqual([connection.status, connection.rtt, streams.count], ['open', undefined, 0])
  })

  test('nothing is asked after the node has stopped', async t => {
    const { clock } = await watched(t, 'ping', () => false)
    await clock.advance(1)
    assert.equal(clock.pending, 1)
  })

  test('all questions go over one stream, and over another one when the other side has ended it', async t => {
    const { clock, connection, streams, wakeUp } = await watched(t, 'silent', () => false)
    wakeUp()
    for (let time = 0; time < 5; time++) await answered(clock, connection, LIVENESS.everyMs)
    assert.equal(streams.count, 1)
    const ended = once(connection.streams[0]!, 'close')
    streams.last!.abort(new Error('idle for too long'))
    await ended
    for (let time = 0; time < 5; time++) await answered(clock, connection, LIVENESS.everyMs)
    assert.equal(streams.count, 2)
    assert.equal(connection.streams.length, 1)
  })

  test('who has dialled asks, and the other side only when it does not any more', async t => {
    const clock = new VirtualClock()
    const both = liveness({ clock, random: seededRandom(1) })
    const start = () => createLibp2p({ ...common, services: { liveness: both } })
    const [node, other] = await Promise.all([start(), start()])
    t.after(() => Promise.all([node.stop(), other.stop()]))
    const connection = await node.dial(other.getMultiaddrs()[0]!)
    while (other.getConnections().length === 0) await new Promise(resolve => setImmediate(resolve))
    const [theirs] = other.getConnections()
    for (let time = 0; time < 8; time++) await answered(clock, connection, LIVENESS.everyMs)
    assert.equal(theirs!.rtt, undefined)
    assert.equal(connection.streams.filter(({ protocol }) => protocol === PING).length, 1)
    // it hangs from now on
    await node.services.liveness.stop?.()
    await node.handle(PING, () => {})
    const closed = once(theirs!, 'close')
    // twice its pace, its turn, and both questions
    for (let ms = 0; ms < 3 * LIVENESS.everyMs + 2 * LIVENESS.queuedAnswerMs; ms += 1_000) {
      await clock.advance(1_000)
      for (let i = 0; i < 10; i++) await new Promise(resolve => setImmediate(resolve))
    }
    await closed
    assert.equal(theirs!.status, 'aborted')
  })
})

const ROWS: ReadonlyArray<readonly [what: string, address: string, hub: boolean, abortedMs: number]> = [
  ['a hub over QUIC', '/ip4/11.1.0.10/udp/4001/quic-v1', true, 11_000],
  ['a hub over TCP', '/ip4/11.1.0.10/tcp/4001', true, 15_000],
  ['a peer over QUIC', '/ip4/11.1.0.10/udp/4001/quic-v1', false, 21_000],
  ['a peer over a relay', '/ip4/11.1.0.10/udp/4001/quic-v1/p2p-circuit', false, 25_000]
]
/** A connection from which nothing ever comes back. */
function dead(address: string, isHub: boolean) {
  const clock = new VirtualClock()
  const connection = {
    status: 'open',
    direct: !address.includes('/p2p-circuit'),
    remoteAddr: multiaddr(address),
    remotePeer: { toString: () => 'peer' },
    direction: 'outbound',
    timeline: {},
    abortedMs: 0,
    newStream: () => new Promise(() => {}),
    abort() {
      connection.status = 'aborted'
      connection.abortedMs = clock.now()
    }
  }
  const hubs = new Set(isHub ? ['peer'] : [])
  const service = liveness({ spares: () => false, hubs, clock, random: seededRandom(1) })({
    connectionManager: { getConnections: () => (connection.status === 'open' ? [connection as never] : []) },
    registrar: { handle: async () => {}, unhandle: async () => {} },
    logger: defaultLogger()
  })
  return { clock, connection, service }
}

for (const [what, address, isHub, abortedMs] of ROWS) {
  test(`${what} that is dead from the start is aborted after ${abortedMs / 1_000} s`, async () => {
    const { clock, connection, service } = dead(address, isHub)
    await service.start()
    await clock.advance(60_000)
    assert.equal(connection.abortedMs, abortedMs)
    await service.stop()
    await clock.advance(0)
    assert.equal(clock.pending, 0)
  })
}

test('one that is doubted is asked once, however often, and has little time', async () => {
  const { clock, connection, service } = dead('/ip4/11.1.0.10/udp/4001/quic-v1', true)
  await service.start()
  await clock.advance(1_000)
  service.doubt(() => false)
  await clock.advance(1_000)
  for (let time = 0; time < 10; time++) service.doubt(() => true)
  assert.equal(clock.pending, 2)
  await clock.advance(LIVENESS.doubtMs)
  assert.equal(connection.abortedMs, 2_000 + LIVENESS.doubtMs)
  await service.stop()
})

test('of several connections to a hub, the one that it reaches us by is asked often, and another now and then', async t => {
  const clock = new VirtualClock()
  const asked: string[] = []
  const to = (address: string) => ({
    status: 'open',
    direct: true,
    direction: 'outbound',
    timeline: { open: 0 },
    remoteAddr: multiaddr(address),
    remotePeer: { toString: () => 'hub' },
    rtt: undefined as number | undefined,
    newStream: async () => {
      asked.push(address)
      throw new NatError('UNSUPPORTED', 'no ping here')
    }
  })
  const connections = ['/ip4/11.1.0.10/tcp/4001', '/ip4/11.1.0.10/udp/4001/quic-v1'].map(to)
  const service = liveness({ hubs: new Set(['hub']), clock, random: seededRandom(1) })({
    connectionManager: { getConnections: () => connections as never },
    registrar: { handle: async () => {}, unhandle: async () => {} },
    logger: defaultLogger()
  })
  await service.start()
  t.after(() => service.stop())
  await clock.advance(10 * 60_000)
  const [spare, used] = connections.map(({ remoteAddr }) => asked.filter(address => address === `${remoteAddr}`).length)
  // the first time to know how far it is
  assert.deepEqual([spare, used], [1 + 10, 120])
})
