import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { endpointOf } from '../../../src/libp2p/candidate.ts'
import { DOOR, Door } from '../../../src/libp2p/tcp/door.ts'
import { RAW_PUNCH, type RawPunched } from '../../../src/libp2p/tcp/raw-punch.ts'
import { readExactly } from '../../../src/libp2p/tcp/read.ts'
import { until } from '../dcutr/fixture.ts'
import { type TcpNode, tcpNode } from './node.ts'
import { candidate, hello, linkKeys, pair } from './pair.ts'

const keys = linkKeys()
const never = new AbortController().signal

/** By that node's listener. */
const at = ({ address }: TcpNode) => candidate(endpointOf(address)!.port)

function won(t: TestContext, punched: RawPunched): Socket {
  assert.ok(punched.ok, punched.ok ? '' : punched.detail)
  t.after(() => punched.socket.destroy())
  return punched.socket
}

async function carries(from: Socket, to: Socket): Promise<void> {
  from.write('both ways')
  assert.equal(Buffer.from(await readExactly(to, 9, never)).toString(), 'both ways')
}

for (const [what, toServer, toClient] of [
  ['the server listens', true, false],
  ['the client listens', false, true],
  ['both listen', true, true]
] as const) {
  test(`${what}: one connection by a listener, carrying both ways`, async t => {
    await using client = await tcpNode()
    await using server = await tcpNode()
    const [a, b] = await Promise.all([
      client.transport.punchRaw(toServer ? [at(server)] : [], { keys: keys.client, role: 'client' }),
      server.transport.punchRaw(toClient ? [at(client)] : [], { keys: keys.server, role: 'server' })
    ])
    const [one, other] = [won(t, a), won(t, b)]
    assert.equal(one.remotePort, other.localPort)
    await carries(one, other)
    await carries(other, one)
    // js-libp2p's own time limit for silent connections is off
    assert.deepEqual([one.timeout ?? 0, other.timeout ?? 0], [0, 0])
  })
}

test('strangers who name the link and then wait have a bound', async t => {
  await using server = await tcpNode()
  const waiting = new AbortController()
  const punching = server.transport.punchRaw([], { keys: keys.server, role: 'server', signal: waiting.signal })
  let answered = 0
  let gone = 0
  for (let i = 0; i < RAW_PUNCH.maxGuests + 5; i++) {
    const socket = connect(at(server).port, '127.0.0.1', () => socket.write(hello('client')))
    socket.on('error', () => {}).once('data', () => answered++)
    socket.once('close', () => gone++)
    t.after(() => socket.destroy())
  }
  await until('five are refused', () => gone === 5 && answered === RAW_PUNCH.maxGuests)
  waiting.abort()
  assert.equal((await punching).ok, false)
  await until('all are gone', () => gone === RAW_PUNCH.maxGuests + 5)
})

test('libp2p dials are answered as ever while links are expected', async () => {
  await using client = await tcpNode()
  await using server = await tcpNode()
  const waiting = new AbortController()
  const punching = server.transport.punchRaw([], { keys: keys.server, role: 'server', signal: waiting.signal })
  const connection = await client.dial(server.address)
  assert.equal(connection.status, 'open')
  await until('both have it', () => server.node.getConnections(client.node.peerId).length === 1)
  waiting.abort()
  assert.equal((await punching).ok, false)
})

test('a stranger who names the link and cannot prove it gets no connection, and keeps nobody from theirs', async t => {
  await using client = await tcpNode()
  await using server = await tcpNode()
  const punching = server.transport.punchRaw([], { keys: keys.server, role: 'server' })
  const strangers = Array.from({ length: RAW_PUNCH.maxGuests }, () => {
    const socket = connect(at(server).port, '127.0.0.1', () => socket.write(hello('client')))
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  })
  // each is answered with HELLO, and with a PROOF that is good on this one connection only
  await Promise.all(strangers.map(socket => readExactly(socket, 62, never)))
  for (const socket of strangers) socket.write(Buffer.concat([Buffer.from([0, 32]), Buffer.alloc(32)]))
  await until('they are gone', () => strangers.every(socket => socket.resume().destroyed))
  won(t, await client.transport.punchRaw([at(server)], { keys: keys.client, role: 'client' }))
  won(t, await punching)
})

test('no link is expected: HELLO is none of ours, and libp2p ends the connection', async () => {
  await using client = await tcpNode()
  await using server = await tcpNode()
  const { ok } = await client.transport.punchRaw([at(server)], { keys: keys.client, role: 'client', timeoutMs: 1_000 })
  assert.equal(ok, false)
})

test('the port is refused towards the peer: port-taken, and the next connects leave from another', async t => {
  await using client = await tcpNode()
  await using server = await tcpNode()
  const first = client.transport.punchRaw([at(server)], { keys: keys.client, role: 'client' })
  won(t, await server.transport.punchRaw([], { keys: keys.server, role: 'server' }))
  const { localPort } = won(t, await first)
  // a second one between the same two addresses
  const again = await client.transport.punchRaw([at(server)], { keys: keys.client, role: 'client' })
  assert.deepEqual([again.ok, again.ok || again.reason], [false, 'port-taken'])
  const third = client.transport.punchRaw([at(server)], { keys: keys.client, role: 'client' })
  won(t, await server.transport.punchRaw([], { keys: keys.server, role: 'server' }))
  assert.notEqual(won(t, await third).localPort, localPort)
})

/** What a listener makes of a connection: libp2p reads it through a listener for `data`. */
async function admission(t: TestContext, expected = true) {
  const [outside, socket] = await pair(t)
  const clock = new VirtualClock()
  const door = new Door(clock)
  const taken: Socket[] = []
  const libp2p: Buffer[] = []
  if (expected) door.expect(keys.server.link, each => taken.push(each))
  socket.on('data', bytes => libp2p.push(bytes)).resume()
  const admitted = door.admits({ socket } as unknown as Parameters<Door['admits']>[0])
  return { outside, clock, taken, admitted, text: () => Buffer.concat(libp2p).toString('latin1') }
}

const MULTISTREAM = '\x13/multistream/1.0.0\n'

for (const [what, pieces] of [
  ['in one piece', [`${MULTISTREAM}\x07/noise\n`]],
  ['byte by byte', [...MULTISTREAM]]
] as const) {
  test(`what libp2p says ${what} is libp2p's, and nothing of it is missing`, async t => {
    const { outside, admitted, text, taken } = await admission(t)
    outside.setNoDelay()
    for (const piece of pieces) {
      outside.write(Buffer.from(piece, 'latin1'))
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(await admitted, false)
    await until('all is there', () => text() === pieces.join(''))
    outside.write('and more')
    await until('and more', () => text() === `${pieces.join('')}and more`)
    assert.equal(taken.length, 0)
  })
}

test('HELLO in two pieces is a link, and stays to be read', async t => {
  const { outside, admitted, taken, text } = await admission(t)
  outside.setNoDelay()
  outside.write(hello('client').subarray(0, 5))
  await new Promise(resolve => setImmediate(resolve))
  outside.write(hello('client').subarray(5))
  assert.equal(await admitted, true)
  assert.deepEqual(Buffer.from(await readExactly(taken[0]!, 28, never)), Buffer.from(hello('client')))
  assert.equal(text(), '')
})

test("HELLO of another link is libp2p's to refuse", async t => {
  const { outside, admitted, taken, text } = await admission(t)
  outside.write(hello('client', 'ffffffffffffffff'))
  assert.equal(await admitted, false)
  await until('it has it', () => text().length === 28)
  assert.equal(taken.length, 0)
})

test("whoever is silent is libp2p's after a while; so is who goes away", async t => {
  const silent = await admission(t)
  await silent.clock.advance(DOOR.patienceMs)
  assert.equal(await silent.admitted, false)
  silent.outside.write(MULTISTREAM)
  await until('it is heard', () => silent.text() === MULTISTREAM)
  const gone = await admission(t)
  gone.outside.resetAndDestroy()
  assert.equal(await gone.admitted, false)
  assert.equal(gone.clock.pending, 0)
})

test('no link is expected: nothing is looked at', async t => {
  const { admitted, outside, text } = await admission(t, false)
  assert.equal(await admitted, false)
  outside.write(MULTISTREAM)
  await until('it is heard', () => text() === MULTISTREAM)
})

test('further connections than so many are not looked at', async t => {
  const clock = new VirtualClock()
  const door = new Door(clock)
  door.expect(keys.server.link, () => {})
  const [, socket] = await pair(t)
  const connection = { socket } as unknown as Parameters<Door['admits']>[0]
  const looked = Array.from({ length: DOOR.maxWaiting + 3 }, () => door.admits(connection))
  assert.deepEqual(await Promise.all(looked.slice(DOOR.maxWaiting)), [false, false, false])
  await clock.advance(DOOR.patienceMs)
  assert.ok((await Promise.all(looked)).every(admitted => !admitted))
})
