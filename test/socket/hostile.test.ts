import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Stream, Transport } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import { quicEndpoint } from '../../src/libp2p/quic/address.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import type { QuicTransport } from '../../src/libp2p/quic/transport.ts'
import { FLOW_LIMITS } from '../../src/socket/flow.ts'
import type { PlaneKind, PlaneStats } from '../../src/socket/plane.ts'
import { HOSTILE_PROTOCOL } from './hostile.ts'
import { descriptors, NO_PROC, PLANES } from './planes.ts'

const PROGRAM = fileURLToPath(new URL('hostile-program.ts', import.meta.url))
const MAX_GROWTH_BYTES = 64 * 1024 * 1024
const LOOK_EVERY_MS = 100
/** Pipes to the attacker's program, and sockets that are just being closed. */
const OTHER_DESCRIPTORS = 16

type Told = { event: 'warm' } | { event: 'done'; bytes: number; sha256: string }

/** A node that takes one stream of bytes, and can be looked into. */
async function attackedNode(t: TestContext, plane: PlaneKind) {
  let transport: Transport | undefined
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [components => (transport = quic({ plane })(components))],
    connectionMonitor: { enabled: false }
  })
  t.after(() => node.stop())
  const received = Promise.withResolvers<{ bytes: number; sha256: string }>()
  await node.handle(HOSTILE_PROTOCOL, async (stream: Stream) => {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of stream) {
      for (const part of chunk instanceof Uint8Array ? [chunk] : chunk) hash.update(part)
      bytes += chunk.byteLength
    }
    received.resolve({ bytes, sha256: hash.digest('hex') })
    await stream.close()
  })
  const packetSwitch = await (transport as QuicTransport).packetSwitch()
  return { node, packetSwitch, received: received.promise, port: quicEndpoint(node.getMultiaddrs()[0]!).port }
}

function start(t: TestContext, args: string[]): { child: ChildProcess; told: AsyncIterable<string> } {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(async () => {
    if (child.exitCode != null || child.signalCode != null) return
    child.kill()
    await once(child, 'exit')
  })
  return { child, told: createInterface({ input: child.stdout! }) }
}

for (const { kind, skip } of PLANES) {
  test(`${kind}: a stream goes on to its end under 10,000 garbage, cut, forged and replayed packets a second`, {
    skip: skip || NO_PROC
  }, async t => {
    const { node, packetSwitch, received, port } = await attackedNode(t, kind)
    const before = descriptors()
    const looks: PlaneStats[] = []
    let most = before
    const timer = setInterval(async () => {
      most = Math.max(most, descriptors())
      looks.push(await packetSwitch.stats())
    }, LOOK_EVERY_MS)
    t.after(() => clearInterval(timer))
    const { child, told } = start(t, [kind, `${port}`, node.peerId.toString()])
    let warmBytes = 0
    for await (const line of told) {
      const event = JSON.parse(line) as Told
      if (event.event === 'warm') {
        warmBytes = process.memoryUsage.rss()
        continue
      }
      const { bytes, sha256 } = await received
      assert.deepEqual({ bytes, sha256 }, { bytes: event.bytes, sha256: event.sha256 })
      break
    }
    const growth = process.memoryUsage.rss() - warmBytes
    const stats = await packetSwitch.stats()
    clearInterval(timer)
    t.diagnostic(`${JSON.stringify(stats)}, at most ${most - before} descriptors, ${Math.round(growth / 1e6)} MB more`)
    assert.ok(warmBytes > 0)
    assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes more`)
    for (const count of ['droppedUnknown', 'droppedTableFull', 'stun'] as const) assert.ok(stats[count] > 0, count)
    // those that have not proved themselves, and the honest one
    const mostFlows = Math.max(...looks.map(({ flows }) => flows))
    assert.equal(mostFlows, FLOW_LIMITS.maxUnconfirmed + 1)
    assert.ok(most <= before + FLOW_LIMITS.maxUnconfirmed + 1 + OTHER_DESCRIPTORS, `${most - before} descriptors more`)
    assert.equal(node.getConnections().length, 1)
    const exit = once(child, 'exit')
    child.stdin!.end()
    await exit
  })
}
