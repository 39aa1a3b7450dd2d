import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim, type LinkSpec, type PacketEvent } from '../../src/sim/index.ts'
import { bytes, text } from './udp.ts'

test('delay: a packet takes it once for each link', async () => {
  assert.deepEqual(await journey({ delayMs: 20 }, 3), { order: '0 1 2', times: [20, 20, 20] })
})

test('jitter: packets take between, and overtake each other; none is lost', async () => {
  const { order, times } = await journey({ delayMs: 20, jitterMs: 10 }, 100)
  assert.equal(times.length, 100)
  assert.ok(times.every(ms => ms >= 10 && ms <= 30))
  assert.notEqual(order, inOrder(100))
})

test('loss: so many are lost, with one seed always the same ones', async () => {
  const first = await journey({ lossPercent: 30 }, 1000)
  assert.ok(first.times.length > 650 && first.times.length < 750)
  assert.deepEqual(await journey({ lossPercent: 30 }, 1000), first)
  assert.notDeepEqual(await journey({ lossPercent: 30 }, 1000, 2), first)
})

test('reorder: some packets are not delayed', async () => {
  const { times } = await journey({ delayMs: 20, reorderPercent: 25 }, 400)
  assert.equal(times.length, 400)
  const early = times.filter(ms => ms === 0).length
  assert.ok(early > 60 && early < 140)
  assert.equal(times.filter(ms => ms === 20).length, 400 - early)
})

test('rate: packets wait for their turn, and those that would wait too long are dropped', async () => {
  // 128 bytes with headers: at 1 Mbit/s each takes 1.024 ms, and the 98th begins to be sent after 99.3 ms
  const { times } = await journey({ rateMbit: 1 }, 200, 1, 100)
  assert.equal(times.length, 98)
  assert.ok(Math.abs(times[97]! - 98 * 1.024) < 1e-6)
})

test('a cut link loses everything until it is mended', async () => {
  using sim = createSim({ alice: {}, bob: {} })
  const heard: string[] = []
  ;(await sim.host('bob').udp({ family: 4, port: 1 })).onPacket(packet => heard.push(text(packet)))
  const socket = await sim.host('alice').udp({ family: 4 })
  const say = async (what: string) => {
    socket.send({ bytes: bytes(what), to: { address: sim.host('bob').ip, port: 1 } })
    await sim.clock.advance(1)
  }
  sim.down('bob')
  await say('lost')
  sim.up('bob')
  await say('heard')
  assert.deepEqual(heard, ['heard'])
})

for (const [blackHole, errors] of [
  [false, 1],
  [true, 0]
] as const) {
  test(`MTU: too large a packet ends at the link, and its sender hears of it ${errors} times`, async () => {
    using sim = createSim({
      nat: { mapping: 'endpoint-independent', link: { mtu: 1400, blackHole } },
      alice: { behind: 'nat' },
      bob: {}
    })
    const sizes: number[] = []
    ;(await sim.host('bob').udp({ family: 4, port: 1 })).onPacket(({ length }) => sizes.push(length))
    const told: unknown[] = []
    const alice = sim.host('alice')
    alice.onIcmp(({ source, icmp }) => told.push([source.address, icmp?.type]))
    const socket = await alice.udp({ family: 4 })
    // 28 bytes are the headers
    for (const size of [1372, 1373]) {
      socket.send({ bytes: new Uint8Array(size), to: { address: sim.host('bob').ip, port: 1 } })
    }
    await sim.clock.advance(10)
    assert.deepEqual(sizes, [1372])
    assert.deepEqual(told, Array(errors).fill(['192.168.1.1', 'too-big']))
    assert.deepEqual(sim.counts('nat').droppedBecause, { 'too-big': 1 })
  })
}

test('MTU: the way in, too', async () => {
  using sim = createSim({
    nat: { mapping: 'endpoint-independent' },
    alice: { behind: 'nat', link: { mtu: 1000 } },
    bob: {}
  })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  const told: unknown[] = []
  bob.onIcmp(({ source, icmp }) => told.push([source.address, icmp?.type]))
  const server = await bob.udp({ family: 4, port: 1 })
  server.onPacket((_, to) => server.send({ bytes: new Uint8Array(1000), to }))
  const socket = await alice.udp({ family: 4 })
  socket.send({ bytes: bytes('more'), to: { address: bob.ip, port: 1 } })
  await sim.clock.advance(10)
  assert.deepEqual(told, [['11.1.0.10', 'too-big']])
})

test('every packet can be seen at every node, and all are counted', async () => {
  using sim = createSim({ nat: { mapping: 'endpoint-independent' }, alice: { behind: 'nat' }, bob: {} })
  const events: string[] = []
  const stop = sim.onPacket((event: PacketEvent) => {
    const { source, destination, ttl } = event.packet
    events.push(`${event.node} ${event.what} ${source.address} > ${destination.address} ttl ${ttl}`)
  })
  const socket = await sim.host('alice').udp({ family: 4 })
  socket.send({ bytes: bytes('hello'), to: { address: sim.host('bob').ip, port: 1 } })
  await sim.clock.advance(1)
  stop()
  const heads = [
    '192.168.1.10 > 11.3.0.10',
    '11.1.0.10 > 11.3.0.10',
    '11.3.0.10 > 11.1.0.10',
    '11.3.0.10 > 192.168.1.10'
  ]
  assert.deepEqual(events, [
    `alice sent ${heads[0]} ttl 64`,
    `nat forwarded ${heads[1]} ttl 63`,
    `internet forwarded ${heads[1]} ttl 62`,
    // nobody listens there
    `bob dropped ${heads[1]} ttl 62`,
    `bob sent ${heads[2]} ttl 64`,
    `internet forwarded ${heads[2]} ttl 63`,
    `nat forwarded ${heads[3]} ttl 62`,
    `alice received ${heads[3]} ttl 62`
  ])
  const none = { sent: 0, received: 0, forwarded: 0, dropped: 0, droppedBecause: {} }
  assert.deepEqual(sim.counts('alice'), { ...none, sent: 1, received: 1 })
  assert.deepEqual(sim.counts('internet'), { ...none, forwarded: 2 })
  assert.deepEqual(sim.counts('bob'), { ...none, sent: 1, dropped: 1, droppedBecause: { 'no-socket': 1 } })
})

/** Sends numbered packets at once over a link. */
async function journey(link: LinkSpec, count: number, seed = 1, size = 8): Promise<{ order: string; times: number[] }> {
  using sim = createSim({ alice: { link }, bob: {} }, { seed })
  const order: string[] = []
  const times: number[] = []
  ;(await sim.host('bob').udp({ family: 4, port: 1 })).onPacket(packet => {
    order.push(text(packet).trim())
    times.push(sim.clock.now())
  })
  const socket = await sim.host('alice').udp({ family: 4 })
  for (let n = 0; n < count; n++) {
    socket.send({ bytes: bytes(String(n).padEnd(size)), to: { address: sim.host('bob').ip, port: 1 } })
  }
  await sim.clock.advance(1000)
  return { order: order.join(' '), times }
}

function inOrder(count: number): string {
  return Array.from({ length: count }, (_, n) => n).join(' ')
}
