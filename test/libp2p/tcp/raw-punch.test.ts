import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { realClock, VirtualClock } from '../../../src/core/clock.ts'
import { secureRandom } from '../../../src/core/random.ts'
import { Door } from '../../../src/libp2p/tcp/door.ts'
import { type ProofKeys, prove } from '../../../src/libp2p/tcp/proof.ts'
import { RAW_PUNCH, type RawPunchInit, rawPunch } from '../../../src/libp2p/tcp/raw-punch.ts'
import { readExactly } from '../../../src/libp2p/tcp/read.ts'
import { freePort } from '../../../src/libp2p/tcp/sharing.ts'
import { Targets } from '../../../src/libp2p/tcp/targets.ts'
import { MAX_CANDIDATES, type PathCandidate } from '../../../src/wire/path.ts'
import { TCP_HELLO_FRAME_BYTES } from '../../../src/wire/tcp-proof.ts'
import { until } from '../dcutr/fixture.ts'
import { candidate, hello, linkKeys, proving } from './pair.ts'

const keys = linkKeys()
const never = new AbortController().signal

/** Somebody at an address on loopback, who does that with each connection. */
async function somebody(t: TestContext, act: (socket: Socket, count: number) => unknown) {
  const sockets: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, socket => {
    sockets.push(socket.on('error', () => {}))
    // whoever has won does not wait for the other side to notice
    void Promise.resolve(act(socket, sockets.length)).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { sockets, candidate: candidate((server.address() as AddressInfo).port) }
}

/** The other side of the link, as it is once the SYNs have met; what it has proven. */
async function server(t: TestContext, theirs: ProofKeys = keys.server) {
  const proven: Socket[] = []
  const { sockets, candidate } = await somebody(t, async socket => {
    const ok = await prove(socket, proving('server', theirs), true).then(
      () => true,
      () => false
    )
    if (ok) proven.push(socket)
  })
  return { proven, sockets, candidate }
}

async function punch(t: TestContext, candidates: Parameters<typeof rawPunch>[0], change: Partial<RawPunchInit> = {}) {
  const punched = await rawPunch(candidates, {
    keys: keys.client,
    role: 'client',
    localPort: await freePort(),
    targets: new Targets(),
    door: new Door(realClock),
    listening: false,
    clock: realClock,
    random: secureRandom,
    ...change
  })
  if (punched.ok) t.after(() => punched.socket.destroy())
  return punched
}

/** Fails when it went well. */
async function failure(t: TestContext, candidates: Parameters<typeof rawPunch>[0], change: Partial<RawPunchInit> = {}) {
  const punched = await punch(t, candidates, change)
  assert.ok(!punched.ok)
  return punched
}

/** A paused socket would not see its end. */
const gone = (sockets: readonly Socket[]) =>
  until('they are gone', () => sockets.every(socket => socket.resume().destroyed))

test('both sides are there: one connection, proven and paused, from the port that was given', async t => {
  const { candidate, proven } = await server(t)
  const localPort = await freePort()
  const punched = await punch(t, [candidate], { localPort })
  assert.ok(punched.ok)
  assert.deepEqual(punched.remote, { address: '127.0.0.1', port: candidate.port })
  assert.equal(punched.socket.localPort, localPort)
  await until('the server has it too', () => proven.length === 1)
  proven[0]!.write('hello')
  assert.equal(Buffer.from(await readExactly(punched.socket, 5, never)).toString(), 'hello')
})

test('of two good connections the client chooses one; the server has that one only', async t => {
  const one = await server(t)
  const other = await server(t)
  const punched = await punch(t, [one.candidate, other.candidate])
  assert.ok(punched.ok)
  const loser = punched.remote.port === one.candidate.port ? other : one
  await gone(loser.sockets)
  assert.equal(one.proven.length + other.proven.length, 1)
  assert.equal(loser.proven.length, 0)
})

test('a server takes the connection that the client proves, and resets the others', async t => {
  const role = { role: 'server', keys: keys.server } as const
  const chosen = await somebody(t, socket => prove(socket, proving('client', keys.client), true))
  const other = await somebody(t, socket =>
    prove(socket, proving('client', keys.client, { choose: () => false }), true).catch(() => {})
  )
  const punched = await punch(t, [other.candidate, chosen.candidate], role)
  assert.ok(punched.ok)
  assert.equal(punched.remote.port, chosen.candidate.port)
  await gone(other.sockets)
})

test('strangers, silent ones and closed ports do not hold up the right one', async t => {
  const silent = await somebody(t, () => {})
  const web = await somebody(t, socket => socket.resume().write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const closes = await somebody(t, socket => socket.destroy())
  const right = await server(t)
  const closed = candidate(await freePort())
  const punched = await punch(t, [silent.candidate, web.candidate, closes.candidate, closed, right.candidate])
  assert.ok(punched.ok)
  assert.equal(punched.remote.port, right.candidate.port)
  await gone([...silent.sockets, ...web.sockets, ...closes.sockets])
})

const failures: ReadonlyArray<
  readonly [string, string, (t: TestContext) => Promise<Parameters<typeof rawPunch>[0]>, Partial<RawPunchInit>?]
> = [
  ['no candidates', 'no-peer-address', async () => []],
  ['only candidates of another transport', 'no-peer-address', async () => [candidate(9, { transport: 'udp' })]],
  ['a closed port', 'refused', async () => [candidate(await freePort())]],
  [
    'a stranger',
    'wrong-peer',
    async t => [(await somebody(t, s => s.resume().write('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n'))).candidate]
  ],
  ['a peer with other keys', 'wrong-peer', async t => [(await server(t, linkKeys().server)).candidate]],
  [
    'the peer of another link',
    'wrong-peer',
    async t => [(await server(t, linkKeys('ffffffffffffffff').server)).candidate]
  ],
  ['somebody silent', 'unproven', async t => [(await somebody(t, () => {})).candidate], { timeoutMs: 200 }],
  ['somebody who closes', 'unproven', async t => [(await somebody(t, s => s.destroy())).candidate]],
  [
    'HELLO, and a reset',
    'unproven',
    async t => {
      const resets = async (s: Socket) => {
        await readExactly(s, TCP_HELLO_FRAME_BYTES, never)
        s.write(hello('server'), () => s.resetAndDestroy())
      }
      return [(await somebody(t, resets)).candidate]
    }
  ],
  [
    'a stranger and a closed port',
    'wrong-peer',
    async t => [candidate(await freePort()), (await server(t, linkKeys().server)).candidate]
  ]
]
for (const [what, reason, candidates, change] of failures) {
  test(`${what}: ${reason}`, async t => {
    const list = await candidates(t)
    const punched = await failure(t, list, change)
    assert.equal(punched.reason, reason, punched.detail)
    for (const { transport, port } of list) if (transport === 'tcp') assert.match(punched.detail, RegExp(`:${port}: `))
  })
}

/** An address on loopback whose SYNs are dropped: who listens there takes nobody, and its queue is full. */
async function silentAddress(t: TestContext): Promise<PathCandidate> {
  const program = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  const port = Number(String(line))
  let queued = 0
  for (let i = 0; i < 4; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.once('connect', () => queued++)
    t.after(() => socket.destroy())
  }
  // of a queue for one, Linux makes one for two
  await until('the queue is full', () => queued >= 2)
  return candidate(port)
}

const linuxOnly = { skip: process.platform !== 'linux' && 'the length of a queue is what Linux makes of it' }

test('nobody answers: no-answer when the time is up, and nothing stays', linuxOnly, async t => {
  const targets = new Targets()
  const silent = await silentAddress(t)
  const punched = await failure(t, [silent], { timeoutMs: 200, targets })
  assert.equal(punched.reason, 'no-answer', punched.detail)
  assert.ok(punched.ms >= 199 && punched.ms < 2_000, `${punched.ms} ms`)
  assert.equal(targets.has(multiaddr(`/ip4/127.0.0.1/tcp/${silent.port}`)), false)
})

test('the signal ends a connect that nobody answers: aborted', linuxOnly, async t => {
  const stop = new AbortController()
  const punching = failure(t, [await silentAddress(t)], { signal: stop.signal })
  stop.abort()
  const { reason, ms } = await punching
  assert.equal(reason, 'aborted')
  assert.ok(ms < 1_000, `${ms} ms`)
})

test('an address that no packet can be sent to: no-answer', async t => {
  const punched = await failure(t, [candidate(9, { address: '224.0.0.1' })])
  assert.equal(punched.reason, 'no-answer')
  assert.match(punched.detail, /224\.0\.0\.1:9: no-answer \(E/)
})

test('the port is taken towards one address: port-taken, whatever the others say', async t => {
  const localPort = await freePort()
  const busy = await somebody(t, () => {})
  const there = connect({ host: '127.0.0.1', port: busy.candidate.port, localPort })
  t.after(() => there.destroy())
  await once(there, 'connect')
  const punched = await failure(t, [candidate(await freePort()), busy.candidate], { localPort })
  assert.equal(punched.reason, 'port-taken', punched.detail)
})

test('aborted before it begins: nobody hears of it', async t => {
  const { candidate, sockets } = await somebody(t, () => {})
  assert.equal((await failure(t, [candidate], { signal: AbortSignal.abort() })).reason, 'aborted')
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(sockets.length, 0)
})

test('aborted while the other end is silent: its connection is reset', async t => {
  const stop = new AbortController()
  const met = Promise.withResolvers<void>()
  const { candidate, sockets } = await somebody(t, () => met.resolve())
  const punching = failure(t, [candidate], { signal: stop.signal })
  await met.promise
  stop.abort()
  assert.equal((await punching).reason, 'aborted')
  await gone(sockets)
})

test('neither the time limit nor the signal ends a connection that was won', async t => {
  const stop = new AbortController()
  const { candidate, proven } = await server(t)
  const punched = await punch(t, [candidate], { signal: stop.signal, timeoutMs: 100 })
  assert.ok(punched.ok)
  await until('the server has it too', () => proven.length === 1)
  stop.abort()
  await new Promise(resolve => setTimeout(resolve, 150))
  proven[0]!.write('still')
  assert.equal(Buffer.from(await readExactly(punched.socket, 5, never)).toString(), 'still')
})

test('the other side is late, and its listener closes without a word: tried again', async t => {
  const late = await somebody(t, (socket, count) => {
    if (count === 1) socket.destroy()
    else return prove(socket, proving('server', keys.server), true)
  })
  assert.ok((await punch(t, [late.candidate])).ok)
  assert.equal(late.sockets.length, 2)
})

test('a stranger is asked once', async t => {
  const web = await somebody(t, socket => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await failure(t, [web.candidate])
  assert.equal(web.sockets.length, 1)
})

test('of a thousand candidates only the first few are tried', async t => {
  const port = await freePort()
  const many = Array.from({ length: 1_000 }, (_, i) => candidate(port, { address: `127.0.${i >> 8}.${i & 255 || 1}` }))
  const { detail } = await failure(t, many)
  assert.equal(detail.split('; ').length, MAX_CANDIDATES)
})

test('a listener waits for two seconds, and no longer', async t => {
  const clock = new VirtualClock()
  let over = false
  const punching = failure(t, [], { listening: true, clock }).finally(() => {
    over = true
  })
  while (clock.pending === 0) await new Promise(resolve => setImmediate(resolve))
  await clock.advance(RAW_PUNCH.doorMs - 1)
  assert.equal(over, false)
  await clock.advance(1)
  await punching
  assert.equal(clock.pending, 0)
})

test('a target is kept for as long as its connection lives', async t => {
  const targets = new Targets()
  const { candidate } = await server(t)
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${candidate.port}`)
  const punched = await punch(t, [candidate], { targets })
  assert.ok(punched.ok)
  assert.equal(targets.has(address), true)
  punched.socket.destroy()
  await once(punched.socket, 'close')
  assert.equal(targets.has(address), false)
})

test('100 punches, won and lost: no socket and no timer stays', async t => {
  const right = await server(t)
  const silent = await somebody(t, () => {})
  const count = (kind: string) => process.getActiveResourcesInfo().filter(each => each === kind).length
  const punchOnce = async (i: number) => {
    const list = i % 2 === 0 ? [right.candidate, silent.candidate] : [silent.candidate, candidate(1)]
    const punched = await punch(t, list, { timeoutMs: i % 2 === 0 ? 5_000 : 20 })
    assert.equal(punched.ok, i % 2 === 0)
    if (punched.ok) punched.socket.resetAndDestroy()
    await gone([...right.sockets, ...silent.sockets])
  }
  await punchOnce(0)
  await until('no socket of the first', () => count('TCPSocketWrap') === 0)
  const timers = count('Timeout')
  for (let i = 0; i < 100; i++) await punchOnce(i)
  await until('no socket', () => count('TCPSocketWrap') === 0)
  assert.ok(count('Timeout') <= timers)
})
