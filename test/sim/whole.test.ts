import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim, type SimSpec } from '../../src/sim/index.ts'
import { answering, ask, bytes } from './udp.ts'

const easy = { mapping: 'endpoint-independent' } as const
const hard = { mapping: 'address-and-port-dependent' } as const

test('the same seed gives the same packets at the same times, another seed others', async () => {
  const first = await record(1)
  assert.ok(first.length > 400)
  assert.deepEqual(await record(1), first)
  assert.notDeepEqual(await record(2), first)
})

test('a network that is closed leaves no timer, however much was under way', async () => {
  const sim = createSim({ nat: { ...hard, link: { delayMs: 50 } }, alice: { behind: 'nat' }, bob: {} })
  const socket = await sim.host('alice').udp({ family: 4 })
  for (let n = 0; n < 1000; n++)
    socket.send({ bytes: bytes('hello'), to: { address: sim.host('bob').ip, port: n + 1 } })
  await sim.clock.advance(20)
  assert.equal(sim.clock.pending, 1000)
  sim.close()
  assert.equal(sim.clock.pending, 0)
  await sim.clock.advance(1000)
  assert.equal(sim.counts('bob').dropped, 0)
})

test('a mapping lives as long as the spec says, and a flushed router has forgotten it', async () => {
  using sim = createSim({ nat: { ...hard, mappingLifetimeSeconds: 10 }, alice: { behind: 'nat' }, bob: {} })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  await answering(bob, 7)
  const socket = await alice.udp({ family: 4 })
  const seen = async () => (await sim.run(ask(alice, socket, { address: bob.ip, port: 7 }))).seen
  const first = await seen()
  await sim.clock.advance(9_000)
  assert.equal(await seen(), first)
  await sim.clock.advance(11_000)
  const second = await seen()
  assert.notEqual(second, first)
  sim.flushNat('nat')
  assert.notEqual(await seen(), second)
})

test('a router drops UDP when told to, and TCP passes', async () => {
  using sim = createSim({ nat: { ...easy, blockUdp: true }, alice: { behind: 'nat' }, bob: {} })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  await answering(bob, 7)
  const socket = await alice.udp({ family: 4 })
  const to = { address: bob.ip, port: 7 }
  await assert.rejects(sim.run(ask(alice, socket, to)), /nothing is under way/)
  bob.listenTcp(7, () => {})
  await sim.run(alice.tcp(to, { signal: new AbortController().signal }))
  sim.setBlockUdp('nat', false)
  await sim.run(ask(alice, socket, to))
})

test('a host with two uplinks leaves by the one whose address it is bound to', async () => {
  using sim = createSim({
    wifi: easy,
    cell: easy,
    alice: { uplinks: [{ behind: 'wifi' }, { behind: 'cell', link: { delayMs: 30 } }] },
    bob: {}
  })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  await answering(bob, 7)
  assert.deepEqual(alice.ips, ['192.168.1.10', '192.168.2.10'])
  const seen = []
  for (const address of [undefined, ...alice.ips]) {
    const socket = await alice.udp({ family: 4, ...(address !== undefined && { address }) })
    seen.push((await sim.run(ask(alice, socket, { address: bob.ip, port: 7 }))).seen.split(':')[0])
  }
  assert.deepEqual(seen, ['11.1.0.10', '11.1.0.10', '11.2.0.10'])
  assert.equal(sim.clock.now(), 60)
})

test('a router with two uplinks deals destinations to them, and keeps to what it dealt', async () => {
  using sim = createSim({
    nat: { ...easy, uplinks: [{}, {}] },
    alice: { behind: 'nat' },
    bob: { addresses: 2 }
  })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  for (const address of bob.ips) await answering(bob, 7, address)
  const socket = await alice.udp({ family: 4, port: 5000 })
  const seen = []
  for (const address of [...bob.ips, ...bob.ips])
    seen.push((await sim.run(ask(alice, socket, { address, port: 7 }))).seen)
  assert.deepEqual(seen, ['11.1.0.10:5000', '11.1.2.10:5000', '11.1.0.10:5000', '11.1.2.10:5000'])
})

test('a router with two uplinks: what is not translated goes and comes by the first', async () => {
  using sim = createSim({
    wall: { mapping: 'none', uplinks: [{ link: { delayMs: 10 } }, { link: { delayMs: 30 } }] },
    alice: { behind: 'wall', ipv6: true },
    bob: { addresses: 2, ipv6: true }
  })
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  for (const address of [...bob.ips, bob.ip6!]) {
    await answering(bob, 7, address)
    const socket = await alice.udp({ family: address.includes(':') ? 6 : 4, port: 5000 })
    const startMs = sim.clock.now()
    const { seen, atMs } = await sim.run(ask(alice, socket, { address, port: 7 }))
    socket.close()
    assert.equal(seen, `${address.includes(':') ? alice.ip6 : alice.ip}:5000`)
    assert.equal(atMs - startMs, 20)
  }
})

test('a NAT with a pool shows a host under one address, or under any', async () => {
  const seenWith = async (pooling: 'paired' | 'arbitrary') => {
    using sim = createSim({ nat: { ...hard, addresses: 4, pooling }, alice: { behind: 'nat' }, bob: {} })
    const [alice, bob] = [sim.host('alice'), sim.host('bob')]
    const seen = new Set<string>()
    for (let port = 1; port <= 20; port++) {
      await answering(bob, port)
      const socket = await alice.udp({ family: 4 })
      seen.add((await sim.run(ask(alice, socket, { address: bob.ip, port }))).seen.split(':')[0]!)
    }
    return seen.size
  }
  assert.equal(await seenWith('paired'), 1)
  assert.ok((await seenWith('arbitrary')) > 1)
})

test('names of nodes that there are not are errors', () => {
  using sim = createSim({ alice: {} })
  assert.throws(() => sim.host('bob'), /no 'bob' in this network, only alice/)
  assert.throws(() => sim.router('alice'), RangeError)
  assert.throws(() => sim.counts('bob'), RangeError)
  assert.throws(() => sim.down('alice', 1), /no uplink 1/)
  assert.throws(() => sim.setLink('alice', { delayMs: -1 }), /delayMs is 0 to/)
})

test('a wait that takes too long is an error, too', async () => {
  using sim = createSim({ alice: {} })
  sim.clock.after(5_000, () => {})
  await assert.rejects(sim.run(new Promise(() => {}), 1_000), /not settled after 1000 ms/)
})

/** Everything that happens in a network with something random everywhere. */
async function record(seed: number): Promise<string[]> {
  const link = { delayMs: 20, jitterMs: 10, lossPercent: 5, reorderPercent: 5, rateMbit: 10 }
  const spec: SimSpec = {
    natA: { ...hard, link },
    natB: { ...easy, link, allocation: 'random' },
    alice: { behind: 'natA' },
    bob: { behind: 'natB' },
    server: { link }
  }
  using sim = createSim(spec, { seed })
  const seen: string[] = []
  sim.onPacket(({ atMs, node, what, packet: { source, destination, payload } }) => {
    const ends = [source, destination].map(({ address, port }) => `${address}:${port}`)
    seen.push(`${atMs} ${node} ${what} ${ends.join(' > ')} ${payload.length}`)
  })
  await answering(sim.host('server'), 7)
  for (const name of ['alice', 'bob']) {
    for (let n = 0; n < 20; n++) {
      const socket = await sim.host(name).udp({ family: 4 })
      socket.send({ bytes: sim.host(name).random.bytes(n), to: { address: sim.host('server').ip, port: 7 } })
      await sim.clock.advance(3)
    }
  }
  sim.host('server').listenTcp(80, connection => connection.write(new Uint8Array(20_000)))
  const to = { address: sim.host('server').ip, port: 80 }
  await sim.run(sim.host('alice').tcp(to, { signal: new AbortController().signal }))
  await sim.clock.advance(10_000)
  return seen
}
