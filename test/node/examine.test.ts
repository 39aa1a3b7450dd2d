import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Events } from '../../src/core/events.ts'
import type { Autonat } from '../../src/libp2p/autonat/index.ts'
import { NetworkMemory } from '../../src/nat/memory.ts'
import { type Examinee, examineNode, stunServers } from '../../src/node/examine.ts'
import { createSim, type Sim } from '../../src/sim/index.ts'
import type { SimSpec } from '../../src/sim/spec.ts'
import { stunServer } from '../nat/stun-server.ts'

const ID = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const PUBLIC = { hub: { addresses: 2 }, alice: {} } as const

describe('which STUN servers hubs are', () => {
  const ROWS: ReadonlyArray<readonly [about: string, address: string, expected: readonly string[]]> = [
    ['by QUIC', '/ip4/11.1.0.10/udp/4001/quic-v1', ['11.1.0.10 4001']],
    ['by TCP', '/ip4/11.1.0.10/tcp/4101', ['11.1.0.10 3478', '11.1.0.10 4101']],
    ['by WebSocket, whose port says nothing', '/ip4/11.1.0.10/tcp/8080/ws', ['11.1.0.10 3478']],
    ['by a name', '/dns4/hub.example/udp/4001/quic-v1', []]
  ]
  for (const [about, address, expected] of ROWS) {
    it(about, () => {
      const found = stunServers([multiaddr(`${address}/p2p/${ID}`)])
      assert.deepEqual(
        found.map(({ address, port }) => `${address} ${port}`),
        expected
      )
    })
  }
})

/** A node at a hub, as far as an examination needs it. */
function nodeAt(sim: Sim, hub: string, listens: readonly string[] = [], autonat: Partial<Autonat> = {}): Examinee {
  const address = multiaddr(`${hub}/p2p/${ID}`)
  return {
    host: sim.host('alice'),
    memory: new NetworkMemory(),
    hubs: [address],
    hubIds: [peerIdFromString(ID)],
    autonat: {
      events: new Events(),
      reachability: { ip4: 'unknown', ip6: 'unknown' },
      addresses: [],
      networkChanged: () => {},
      ...autonat
    },
    portMapping: false,
    brief: false,
    hubAddresses: () => [address],
    hubListens: async () => [address, ...listens.map(each => multiaddr(each))],
    sockets: async () => ({}),
    pings: async function* () {
      yield 1
    }
  }
}

async function examined(spec: SimSpec, ports: readonly number[], nodeOf: (sim: Sim) => Examinee) {
  using sim = createSim(spec)
  await stunServer(sim.host('hub'), { ports })
  const node = nodeOf(sim)
  const startMs = sim.clock.now()
  const report = await sim.run(examineNode(node))
  return { report, tookMs: sim.clock.now() - startMs }
}

describe('an examination by a node', () => {
  it('asks a hub that is reached by WebSocket where it says that QUIC is', async () => {
    const { report } = await examined(PUBLIC, [4555, 5000], sim => {
      const { ip } = sim.host('hub')
      return nodeAt(sim, `/ip4/${ip}/tcp/8080/ws`, [`/ip4/${ip}/udp/4555/quic-v1`])
    })
    assert.deepEqual([report.udp4.ok, report.udp4.mapping], [true, 'endpoint-independent'])
  })

  it('goes nowhere but to the hub, whatever that says', async () => {
    const spec = { ...PUBLIC, victim: {} }
    using sim = createSim(spec)
    await stunServer(sim.host('hub'))
    const node = nodeAt(sim, `/ip4/${sim.host('hub').ip}/udp/4001/quic-v1`, [
      `/ip4/${sim.host('victim').ip}/udp/4001/quic-v1`,
      `/ip4/${sim.host('victim').ip}/tcp/8080/ws`
    ])
    await sim.run(examineNode(node))
    // what comes to a port that nobody listens on is dropped, not received
    const { received, dropped } = sim.counts('victim')
    assert.equal(received + dropped, 0)
  })

  it('takes TCP for open where a hub is connected by it, and nobody answers STUN by TCP', async () => {
    const { report } = await examined(PUBLIC, [5000], sim => nodeAt(sim, `/ip4/${sim.host('hub').ip}/tcp/4001`))
    assert.deepEqual([report.udp4.ok, report.tcp4.ok, report.tcp6.ok], [false, true, false])
  })

  it('asks nobody for what is of no use to peers, and waits for no verdict, where it is to be brief', async () => {
    const addresses = [{ address: '/ip4/11.2.0.10/udp/1', verdict: 'unknown' }] as const
    const { report, tookMs } = await examined(PUBLIC, [4001, 3478], sim => ({
      ...nodeAt(sim, `/ip4/${sim.host('hub').ip}/udp/4001/quic-v1`, [], { addresses }),
      brief: true,
      // biome-ignore lint/correctness/useYield: nobody is to ask
      pings: async function* () {
        throw new Error('a ping')
      }
    }))
    assert.ok(tookMs < 4_000, `${tookMs} ms`)
    assert.deepEqual([report.udp4.mapping, report.hubs], ['endpoint-independent', []])
  })

  const MAY_BE: ReadonlyArray<
    readonly [about: string, addresses: Autonat['addresses'], atLeast: number, under: number]
  > = [
    ['waits for a verdict on an address', [{ address: '/ip4/11.2.0.10/udp/1', verdict: 'unknown' }], 4_500, 4_600],
    ['waits for none where no hub is asked', [], 1_000, 1_500]
  ]
  for (const [about, addresses, atLeast, under] of MAY_BE) {
    it(about, async () => {
      const { report, tookMs } = await examined(PUBLIC, [4001, 3478], sim =>
        nodeAt(sim, `/ip4/${sim.host('hub').ip}/udp/4001/quic-v1`, [], { addresses })
      )
      assert.equal(report.reachability, 'unknown')
      assert.ok(tookMs >= atLeast && tookMs < under, `${tookMs} ms`)
    })
  }
})
