import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TcpConnection } from '../../src/core/net.ts'
import { createSim, type Sim, type SimSpec } from '../../src/sim/index.ts'
import { bytes, text } from './udp.ts'

const easy = { mapping: 'endpoint-independent' } as const
const behindNat: SimSpec = { nat: { ...easy, link: { delayMs: 10 } }, alice: { behind: 'nat' }, server: {} }
const never = new AbortController().signal

test('a connection through a NAT carries bytes both ways, and ends', async () => {
  using sim = createSim(behindNat)
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  server.listenTcp(80, connection => {
    connection.write(bytes(`you are ${connection.remote.address}:${connection.remote.port}`))
    echo(connection)
  })
  const connection = await sim.run(alice.tcp({ address: server.ip, port: 80 }, { localPort: 4000, signal: never }))
  assert.equal(sim.clock.now(), 20)
  assert.deepEqual(connection.local, { address: '192.168.1.10', port: 4000 })
  assert.equal(text((await sim.run(connection.read(never)))!), 'you are 11.1.0.10:4000')
  connection.write(bytes('hello'))
  assert.equal(text((await sim.run(connection.read(never)))!), 'hello')
  connection.close()
  connection.close()
  assert.equal(await connection.read(never), undefined)
  await sim.clock.advance(1000)
  assert.equal(sim.clock.pending, 0)
})

test('bytes arrive whole and in order over a link that loses and reorders', async () => {
  using sim = createSim({ alice: { link: { delayMs: 5, jitterMs: 5, lossPercent: 10 } }, server: {} })
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  const sent = Uint8Array.from({ length: 100_000 }, (_, n) => (n * 7) % 251)
  server.listenTcp(80, connection => {
    connection.write(sent)
    connection.close()
  })
  const connection = await sim.run(alice.tcp({ address: server.ip, port: 80 }, { signal: never }))
  assert.deepEqual(Buffer.concat(await sim.run(allOf(connection))), Buffer.from(sent))
})

test('who knocks where nobody listens is told so; who gets no answer gives up as Linux does', async () => {
  using sim = createSim(behindNat)
  const alice = sim.host('alice')
  const to = (address: string) => sim.run(alice.tcp({ address, port: 80 }, { signal: never }))
  await assert.rejects(to(sim.host('server').ip), { code: 'NO_NETWORK', message: /refused/ })
  assert.equal(sim.clock.now(), 20)
  await assert.rejects(to('11.99.0.1'), { code: 'NO_NETWORK', message: /timeout/ })
  assert.equal(sim.clock.now(), 20 + 127_000)
  assert.equal(sim.clock.pending, 0)
})

test('a connect that is given up leaves nothing', async () => {
  using sim = createSim(behindNat)
  const controller = new AbortController()
  const attempt = sim.host('alice').tcp({ address: '11.99.0.1', port: 80 }, { signal: controller.signal })
  sim.clock.after(500, () => controller.abort(new Error('enough')))
  await assert.rejects(sim.run(attempt), /enough/)
  await sim.clock.advance(10)
  assert.equal(sim.clock.pending, 0)
})

for (const [mapping, same] of [
  ['endpoint-independent', true],
  ['address-and-port-dependent', false]
] as const) {
  test(`${mapping} mapping of TCP: two connections from one port are seen as ${same ? 'one' : 'two'}`, async () => {
    using sim = createSim({ ...behindNat, nat: { mapping }, server: { addresses: 2 } })
    const server = sim.host('server')
    const seen: number[] = []
    server.listenTcp(80, ({ remote }) => seen.push(remote.port))
    for (const address of server.ips) {
      await sim.run(sim.host('alice').tcp({ address, port: 80 }, { localPort: 4000, signal: never }))
    }
    await sim.clock.advance(100)
    assert.equal(seen.length, 2)
    assert.equal(seen[0] === seen[1], same)
  })
}

for (const [unsolicited, message, atMs] of [
  ['drop', /timeout/, 127_000],
  ['reset', /refused/, 20]
] as const) {
  test(`a NAT that answers unsolicited SYNs by ${unsolicited}`, async () => {
    using sim = createSim({ ...behindNat, nat: { ...easy, unsolicited, link: { delayMs: 10 } } })
    sim.host('alice').listenTcp(80, () => {})
    const attempt = sim.host('server').tcp({ address: '11.1.0.10', port: 80 }, { signal: never })
    await assert.rejects(sim.run(attempt), { message })
    assert.equal(sim.clock.now(), atMs)
  })
}

test('two that connect to each other at once get one connection, through two NATs', async () => {
  using sim = createSim({
    natA: { ...easy, link: { delayMs: 20 } },
    natB: { ...easy, link: { delayMs: 20 } },
    alice: { behind: 'natA' },
    bob: { behind: 'natB' }
  })
  const connect = (host: string, towards: string) =>
    sim.host(host).tcp({ address: sim.host(towards).publicIp, port: 4000 }, { localPort: 4000, signal: never })
  const [a, b] = await sim.run(Promise.all([connect('alice', 'bob'), connect('bob', 'alice')]))
  assert.equal(sim.clock.now(), 80)
  a.write(bytes('from alice'))
  b.write(bytes('from bob'))
  assert.equal(text((await sim.run(b.read(never)))!), 'from alice')
  assert.equal(text((await sim.run(a.read(never)))!), 'from bob')
})

test("a port is one program's", async () => {
  using sim = createSim(behindNat)
  const listener = sim.host('server').listenTcp(80, () => {})
  assert.throws(() => sim.host('server').listenTcp(80, () => {}), { code: 'PORT_TAKEN' })
  listener.close()
  sim
    .host('server')
    .listenTcp(80, () => {})
    .close()
})

test('a network that closes ends what waits', async () => {
  const sim: Sim = createSim(behindNat)
  const attempt = sim.host('alice').tcp({ address: '11.99.0.1', port: 80 }, { signal: never })
  await sim.clock.advance(1500)
  sim.close()
  await assert.rejects(attempt, { code: 'NO_NETWORK' })
  assert.equal(sim.clock.pending, 0)
})

async function echo(connection: TcpConnection): Promise<void> {
  for (let next = await connection.read(never); next; next = await connection.read(never)) connection.write(next)
  connection.close()
}

async function allOf(connection: TcpConnection): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for (let next = await connection.read(never); next; next = await connection.read(never)) all.push(next)
  return all
}
