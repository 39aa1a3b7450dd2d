import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHttp } from '../../src/sim/http/server.ts'
import { createSim } from '../../src/sim/index.ts'
import { bytes, text } from './udp.ts'

const easy = { mapping: 'endpoint-independent' } as const
const never = new AbortController().signal

test('a host tells its addresses and its routers', async () => {
  using sim = createSim({ nat: easy, alice: { behind: 'nat', ipv6: true } })
  const alice = sim.host('alice')
  assert.deepEqual(alice.addresses(), [
    { name: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8 },
    { name: 'lo', family: 6, address: '::1', prefixLength: 128 },
    { name: 'eth0', family: 4, address: '192.168.1.10', prefixLength: 24 },
    { name: 'eth0', family: 6, address: '2a0b:beef:1:1::10', prefixLength: 64 }
  ])
  assert.deepEqual(await alice.gateways(), [
    { family: 4, address: '192.168.1.1', interface: 'eth0' },
    { family: 6, address: '2a0b:beef:1:1::1', interface: 'eth0' }
  ])
})

test('UDP sockets: taken ports, foreign addresses, loopback, and silence after closing', async () => {
  using sim = createSim({ alice: {}, bob: {} })
  const alice = sim.host('alice')
  const socket = await alice.udp({ family: 4, port: 1000 })
  await assert.rejects(alice.udp({ family: 4, port: 1000, address: alice.ip }), { code: 'PORT_TAKEN' })
  await assert.rejects(alice.udp({ family: 4, address: sim.host('bob').ip }), { code: 'NO_NETWORK' })
  await alice.udp({ family: 6, port: 1000 })
  const other = await alice.udp({ family: 4, address: '127.0.0.1' })
  const heard: string[] = []
  socket.onPacket((packet, from) => heard.push(`${text(packet)} from ${from.address}`))
  other.send({ bytes: bytes('hello'), to: { address: '127.0.0.1', port: 1000 } })
  await sim.clock.advance(0)
  assert.deepEqual(heard, ['hello from 127.0.0.1'])
  socket.close()
  socket.close()
  socket.send({ bytes: bytes('hello'), to: { address: sim.host('bob').ip, port: 1 } })
  other.send({ bytes: bytes('hello'), to: { address: '127.0.0.1', port: 1000 } })
  await sim.clock.advance(10)
  assert.equal(heard.length, 1)
  assert.equal(sim.counts('bob').dropped, 0)
  await alice.udp({ family: 4, port: 1000 })
})

test('what is sent to a group is heard by its members in the network, and by nobody else', async () => {
  using sim = createSim({ nat: easy, alice: { behind: 'nat' }, bob: { behind: 'nat' }, eve: {} })
  const heard: string[] = []
  for (const [name, groups] of [
    ['bob', ['239.255.255.250']],
    ['eve', ['239.255.255.250']],
    ['nat', ['224.0.0.1']]
  ] as const) {
    const socket = await sim.host(name).udp({ family: 4, port: 1900, groups })
    socket.onPacket(() => heard.push(name))
  }
  // two programs may hear one group
  await sim.host('bob').udp({ family: 4, port: 1900, groups: ['239.255.255.250'] })
  const socket = await sim.host('alice').udp({ family: 4 })
  for (const address of ['239.255.255.250', '224.0.0.1'])
    socket.send({ bytes: bytes('all'), to: { address, port: 1900 } })
  await sim.clock.advance(10)
  assert.deepEqual(heard.sort(), ['bob', 'nat'])
})

test('a probe with few routers to pass hears from the one that it ends at', async () => {
  using sim = createSim({
    server: {},
    carrier: { ...easy, link: { delayMs: 10 } },
    home: { ...easy, behind: 'carrier' },
    alice: { behind: 'home' }
  })
  const alice = sim.host('alice')
  const to = { address: sim.host('server').ip, port: 33_434 }
  const heard: string[] = []
  for (const ttl of [1, 2, 3, 4]) {
    const probe = await alice.probe({ family: 4, ttl })
    probe.onIcmp(({ type, router }) => heard.push(`${ttl} ${type} ${router}`))
    probe.send({ bytes: bytes('?'), to })
    await sim.clock.advance(20)
    probe.close()
  }
  // the last is the server's own word: nobody listens there
  assert.deepEqual(heard, [
    '1 time-exceeded 192.168.3.1',
    '2 time-exceeded 100.64.2.1',
    '3 time-exceeded 11.2.0.1',
    '4 unreachable 11.1.0.10'
  ])
  assert.deepEqual(sim.counts('internet').droppedBecause, { ttl: 1 })
})

test('HTTP: a request by name, its answer, and the bounds', async () => {
  using sim = createSim({ nat: easy, alice: { behind: 'nat', link: { delayMs: 10 } }, server: {} })
  const [alice, server] = [sim.host('alice'), sim.host('server')]
  sim.names.set('server.example', [server.ip])
  serveHttp(server, 8080, ({ method, target, headers, body, from }) => ({
    status: 200,
    headers: { 'x-from': from.address },
    body: `${method} ${target} ${headers['host']} ${body}`
  }))
  const get = (url: string, maxBytes: number, body?: string) =>
    sim.run(alice.http({ url, method: 'POST', maxBytes, ...(body !== undefined && { body }) }, never))
  const answer = await get('http://server.example:8080/a?b', 100, 'ü')
  assert.deepEqual(answer, {
    status: 200,
    headers: { connection: 'close', 'content-length': '32', 'x-from': '11.1.0.10' },
    body: 'POST /a?b server.example:8080 ü',
    localAddress: alice.ip
  })
  // a round trip to connect, and one to ask
  assert.equal(sim.clock.now(), 40)
  await assert.rejects(get(`http://${server.ip}:8080/`, 10, 'long'), { code: 'LIMIT' })
  await assert.rejects(get(`http://${server.ip}:8081/`, 10), { code: 'NO_NETWORK' })
  await assert.rejects(get('http://nobody.example/', 10), { code: 'NO_NETWORK' })
  await assert.rejects(get('ftp://server.example/', 10), { code: 'BAD_ADDRESS' })
  server.listenTcp(21, connection => {
    connection.write(bytes('220 welcome\r\n\r\n'))
    connection.close()
  })
  await assert.rejects(get(`http://${server.ip}:21/`, 10), { code: 'MALFORMED' })
})
