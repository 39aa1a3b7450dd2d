import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FLOW_LIMITS } from '../../src/socket/flow.ts'
import { HANDSHAKE_LIMITS } from '../../src/socket/handshakes.ts'
import type { PlaneStats } from '../../src/socket/plane.ts'
import { attackedNode, WARM_PACKETS } from './hostile.ts'
import { descriptors, NO_PROC, PLANES } from './planes.ts'

const PROGRAM = fileURLToPath(new URL('hostile-program.ts', import.meta.url))
/**
 * Twice what was seen: the garbage of two JavaScript heaps comes and goes, and the engine's memory lies in pieces in several
 * arenas of the C library. Whatever keeps 800 bytes of each packet grows by more.
 */
const MAX_GROWTH_BYTES = 24 * 1024 * 1024
const LOOK_EVERY_MS = 100
/** The one whose packets the attacker sees, and the newcomer. */
const HONEST = 2
/** Pipes to the attacker's program, and sockets that are just being closed. */
const OTHER_DESCRIPTORS = 16

type Told = { event: 'sent'; packets: number } | { event: 'done'; bytes: number; sha256: string }

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
  test(`${kind}: a stream goes on, and a newcomer comes in, under 10,000 garbage, cut, forged and replayed packets a second`, {
    skip: skip || NO_PROC
  }, async t => {
    const { node, packetSwitch, received, port } = await attackedNode(kind)
    t.after(() => node.stop())
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
      if (event.event === 'sent') {
        if (warmBytes === 0 && event.packets >= WARM_PACKETS) warmBytes = process.memoryUsage.rss()
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
    for (const count of ['droppedUnknown', 'droppedHandshake', 'stun'] as const) assert.ok(stats[count] > 0, count)
    assert.equal(Math.max(...looks.map(({ handshakes }) => handshakes)), HANDSHAKE_LIMITS.inAll)
    // those that have not proved themselves, and the honest ones
    const mostFlows = Math.max(...looks.map(({ flows }) => flows))
    assert.ok(mostFlows <= FLOW_LIMITS.maxUnconfirmed + HONEST, `${mostFlows} flows`)
    assert.ok(
      most <= before + FLOW_LIMITS.maxUnconfirmed + HONEST + OTHER_DESCRIPTORS,
      `${most - before} descriptors more`
    )
    assert.equal(node.getConnections().length, HONEST)
    const exit = once(child, 'exit')
    child.stdin!.end()
    await exit
  })
}
