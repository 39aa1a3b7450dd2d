import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { createLibp2p } from 'libp2p'
import { dcutr } from '../../../src/libp2p/dcutr/index.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import { tcp } from '../../../src/libp2p/tcp/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { countingClock } from '../dcutr/clocks.ts'
import { internalsOf, until } from '../dcutr/fixture.ts'

/** BEELINE_CONNECTS=1000 for the figure; fewer show a leak as well. */
const CONNECTS = Number(process.env['BEELINE_CONNECTS'] ?? 200)
/** Pools, caches and compiled code are there after so many. */
const WARM_UP = 100
/** What the collector leaves differs by a few megabytes from one look to the next; a connection that stayed would be 20 kB or more. */
const HEAP_BYTES = 8 * 1_048_576 + 4_096 * CONNECTS
/** The allocator gives back little of what it once had, which is what ten seconds of connects refer to. */
const RSS_BYTES = 320 * 1_048_576
const PROC_FD = '/proc/self/fd'

async function start() {
  const clock = countingClock()
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0'] },
    transports: [quic(), tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY },
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ping: ping(), dcutr: dcutr({ allowPrivate: true, clock }) }
  })
  return { node, clock }
}

/** The open descriptors, the threads' included; 0 where the system does not tell. */
function descriptors(): number {
  return existsSync(PROC_FD) ? readdirSync(PROC_FD).length : 0
}

/** The collector is not to be had without a flag, which the tests are not started with. */
const collect = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

/** What keeps the event loop: sockets and timers by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

test(`${CONNECTS} connects, by QUIC and TCP in turn: no socket, timer or memory stays`, {
  timeout: 170_000
}, async t => {
  const [a, b] = await Promise.all([start(), start()])
  t.after(() => Promise.all([a.node.stop(), b.node.stop()]))
  const { transportManager } = internalsOf(a.node)
  const addresses = b.node.getMultiaddrs()
  const connectOnce = async (i: number) => {
    const to = addresses[i % addresses.length]!
    // not a timeout's signal, which would live on, with all that it refers to
    const connection = await transportManager.dial(to, { signal: new AbortController().signal })
    await a.node.services.ping.ping(b.node.peerId)
    await connection.close()
    await until('both ends are gone', () => [a, b].every(({ node }) => node.getConnections().length === 0))
  }
  const settled = async () => {
    await until('no timer of ours', () => [a, b].every(({ clock }) => clock.pending === 0))
    collect()
    const { heapUsed, rss } = process.memoryUsage()
    return { descriptors: descriptors(), resources: resources(), heapUsed, rss }
  }
  for (let i = 0; i < WARM_UP; i++) await connectOnce(i)
  const before = await settled()
  for (let i = 0; i < CONNECTS; i++) await connectOnce(i)
  await until('no socket is left', () => resources()['TCPSocketWrap'] == null && descriptors() <= before.descriptors)
  await until('no timer is left', () => (resources()['Timeout'] ?? 0) <= (before.resources['Timeout'] ?? 0), 20_000)
  // libp2p's own time limits, of ten seconds and less, refer to what they were for
  const untilMs = performance.now() + 30_000
  let after = await settled()
  while (after.heapUsed - before.heapUsed >= HEAP_BYTES && performance.now() < untilMs) {
    await new Promise(resolve => setTimeout(resolve, 500))
    after = await settled()
  }
  t.diagnostic(`before: ${JSON.stringify(before)}; after: ${JSON.stringify(after)}`)
  assert.ok(after.heapUsed - before.heapUsed < HEAP_BYTES, 'the heap has grown')
  assert.ok(after.rss - before.rss < RSS_BYTES, 'the process has grown')
})
