import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { createLibp2p } from 'libp2p'
import { VirtualClock } from '../../src/core/clock.ts'
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
  spares: (connection: Connection) => boolean
) {
  const clock = new VirtualClock()
  const other = await createLibp2p({ ...common, ...(peer === 'ping' ? { services: { ping: ping() } } : {}) })
  const node = await createLibp2p({
    ...common,
    services: { liveness: liveness({ spares, clock, random: seededRandom(1) }) }
  })
  t.after(async () => {
    await node.stop()
    await other.stop()
    assert.equal(clock.pending, 0)
  })
  const heard = Promise.withResolvers<void>()
  const streams = { count: 0 }
  const hear = () => {
    streams.count++
    heard.resolve()
  }
  if (peer === 'silent') await other.handle(PING, hear)
  const connection = await node.dial(other.getMultiaddrs()[0]!)
  return { clock, connection, heard: heard.promise, streams }
}

/** Until a ping has ended well, which tells the round trip. */
async function answered(clock: VirtualClock, connection: Connection): Promise<void> {
  delete connection.rtt
  await clock.advance(LIVENESS.everyMs)
  while (connection.rtt == null && connection.status === 'open') await new Promise(resolve => setImmediate(resolve))
  assert.equal(connection.status, 'open')
}

describe('liveness of connections', { timeout: 20_000 }, () => {
  for (const peer of ['ping', 'no ping'] as const) {
    test(`one to a peer with ${peer} is asked again and again, and stays`, async t => {
      const { clock, connection } = await watched(t, peer, () => false)
      for (let time = 0; time < 3; time++) await answered(clock, connection)
    })
  }

  test('one that says nothing is aborted, and is asked once until then', async t => {
    const { clock, connection, heard, streams } = await watched(t, 'silent', () => false)
    await clock.advance(LIVENESS.everyMs)
    await heard
    await clock.advance(LIVENESS.answerMs - 1)
    assert.equal(connection.status, 'open')
    const closed = once(connection, 'close')
    await clock.advance(1)
    await closed
    assert.equal(connection.status, 'aborted')
    assert.equal(streams.count, 1)
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
})
