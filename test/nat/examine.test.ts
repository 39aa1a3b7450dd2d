import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetHost } from '../../src/core/net.ts'
import { type ExamineInit, examine } from '../../src/nat/examine.ts'
import { createSim, type Sim } from '../../src/sim/index.ts'
import { replaced } from '../portmap/home.ts'
import { stunServer } from './stun-server.ts'

const SPEC = {
  hub: {},
  nat: { mapping: 'endpoint-independent', link: { delayMs: 20 } },
  alice: { behind: 'nat' }
} as const

/** Errors of promises that nobody waited for when they failed: each would end a program. */
async function unhandledIn(sim: Sim, init: Partial<ExamineInit> & { readonly host: NetHost }) {
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown) => unhandled.push(error)
  // the runner has a listener of its own, which would fail the test without saying why
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', onUnhandled)
  try {
    const { ip } = sim.host('hub')
    await stunServer(sim.host('hub'))
    const examined = examine({ servers: [{ address: ip, port: 4001 }], ...init })
    const [result] = await sim.run(Promise.allSettled([examined]))
    return { unhandled, result: result! }
  } finally {
    process.off('unhandledRejection', onUnhandled)
    for (const other of others) process.on('unhandledRejection', other)
  }
}

test('a probe for port mapping that fails at once is as good as none', async () => {
  using sim = createSim(SPEC)
  const alice = sim.host('alice')
  // the routing table takes longer to read
  const host = replaced(alice, {
    gateways: async () => {
      await new Promise(resolve => setImmediate(resolve))
      return await alice.gateways()
    }
  })
  const { unhandled, result } = await unhandledIn(sim, { host, portMapping: Promise.reject(new Error('no router')) })
  assert.deepEqual(unhandled, [])
  assert.ok(result.status === 'fulfilled' && result.value.udp4.ok && !result.value.portMapping.pcp.ok)
})

test('who gives up before it begins is told so, and nothing else', async () => {
  using sim = createSim(SPEC)
  const reason = new Error('gone')
  const signal = AbortSignal.abort(reason)
  const init = { host: sim.host('alice'), signal, portMapping: Promise.reject(reason) }
  const { unhandled, result } = await unhandledIn(sim, init)
  assert.deepEqual(unhandled, [])
  assert.ok(result.status === 'rejected' && result.reason === reason)
})

test('a probe socket that cannot be had is a way that is not known', async () => {
  using sim = createSim(SPEC)
  const probe: NonNullable<NetHost['probe']> = () => {
    throw new Error('broken')
  }
  const { unhandled, result } = await unhandledIn(sim, { host: replaced(sim.host('alice'), { probe }) })
  assert.deepEqual(unhandled, [])
  assert.ok(result.status === 'fulfilled' && result.value.udp4.ok && result.value.hops.length === 0)
})

test('a hub at port 0 does not spoil what another one tells', async () => {
  using sim = createSim(SPEC)
  const { ip } = sim.host('hub')
  const alice = sim.host('alice')
  // as the sockets of a system do, which throw
  const udp: NetHost['udp'] = async options => {
    const socket = await alice.udp(options)
    return {
      ...socket,
      send(datagram) {
        assert.notEqual(datagram.to.port, 0)
        socket.send(datagram)
      }
    }
  }
  const servers = [0, 4001].map(port => ({ address: ip, port }))
  const { result } = await unhandledIn(sim, { host: replaced(alice, { udp }), servers })
  assert.ok(result.status === 'fulfilled' && result.value.udp4.ok)
})
