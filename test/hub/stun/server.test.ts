import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { connect as connectTls } from 'node:tls'
import { NatError } from '../../../src/core/errors.ts'
import { secureRandom } from '../../../src/core/random.ts'
import { stunRequest } from '../../../src/core/stun-transaction.ts'
import { type StunServer, type StunServerOptions, startStunServer } from '../../../src/hub/stun/index.ts'
import { systemUdp } from '../../../src/socket/system/udp.ts'
import { decodeStun, type StunAttribute, StunFrames, type StunMessage } from '../../../src/wire/stun/index.ts'
import { ask, HASTY, told } from './ask.ts'
import { selfSigned } from './certificate.ts'

const [A, B] = ['127.0.0.1', '127.0.0.2'] as const
const NO_IPV6 =
  Object.values(networkInterfaces()).some(all => all?.some(each => each.address === '::1')) === false && 'no IPv6 here'

async function server(options: Partial<StunServerOptions> = {}): Promise<StunServer & AsyncDisposable> {
  const started = await startStunServer({ hosts: [{ host: A, address: A }], port: 0, ...options })
  return Object.assign(started, { [Symbol.asyncDispose]: () => started.stop() })
}

/** Two addresses with two ports each, as a hub has them. */
async function pair(): Promise<StunServer & AsyncDisposable> {
  const shared = await systemUdp({ family: 4, address: A })
  const { port } = shared.local
  const other = await systemUdp({ family: 4, address: B, port })
  return await server({
    hosts: [
      { host: A, address: A, shared },
      { host: B, address: B, shared: other }
    ]
  })
}

test('UDP: the source of the request, the origin of the answer, and the alternate', async () => {
  await using stun = await pair()
  const { outcome, local } = await ask({ address: A, port: stun.port })
  assert.ok(outcome.type === 'answered')
  assert.deepEqual(told(outcome.response, 'XOR-MAPPED-ADDRESS'), local)
  assert.deepEqual(told(outcome.response, 'RESPONSE-ORIGIN'), { address: A, port: stun.port })
  const other = told(outcome.response, 'OTHER-ADDRESS')
  assert.equal(other?.address, B)
  assert.notEqual(other?.port, stun.port)
  const again = await ask(other!)
  assert.ok(again.outcome.type === 'answered')
  assert.deepEqual(told(again.outcome.response, 'OTHER-ADDRESS'), { address: A, port: stun.port })
})

for (const changeIp of [true, false]) {
  test(`UDP: an answer from another port, and ${changeIp ? 'another' : 'the same'} address`, async () => {
    await using stun = await pair()
    const { outcome } = await ask(
      { address: A, port: stun.port },
      [{ type: 'CHANGE-REQUEST', changeIp, changePort: true }],
      {
        source: ({ address, port }) => address === (changeIp ? B : A) && port !== stun.port
      }
    )
    assert.ok(outcome.type === 'answered')
    assert.deepEqual(told(outcome.response, 'RESPONSE-ORIGIN'), outcome.from)
  })
}

test('UDP: an answer to another port of ours', async () => {
  await using stun = await server()
  const ear = await systemUdp({ family: 4, address: A })
  const heard = new Promise<Uint8Array>(resolve => ear.onPacket(resolve))
  const asked = ask({ address: A, port: stun.port }, [{ type: 'RESPONSE-PORT', port: ear.local.port }], {
    schedule: HASTY
  })
  const message = decodeStun(await heard)
  ear.close()
  const { outcome, local } = await asked
  assert.equal(outcome.type, 'failed')
  assert.deepEqual(told(message, 'XOR-MAPPED-ADDRESS'), local)
})

test('UDP over IPv6', { skip: NO_IPV6 }, async () => {
  await using stun = await server({ hosts: [{ host: '::1', address: '::1' }] })
  const { outcome, local } = await ask({ address: '::1', port: stun.port })
  assert.ok(outcome.type === 'answered')
  assert.deepEqual(told(outcome.response, 'XOR-MAPPED-ADDRESS'), local)
})

test('a source that asks too often gets no answer, others do', async () => {
  const answers = { burst: 2, refillMs: 60_000, maxKeys: 10 }
  await using stun = await server({ limits: { answers } })
  const to = { address: A, port: stun.port }
  const types: string[] = []
  for (let i = 0; i < 3; i++) types.push((await ask(to, [], i < 2 ? {} : { schedule: HASTY })).outcome.type)
  assert.deepEqual(types, ['answered', 'answered', 'failed'])
  assert.equal((await ask(to, [], { from: B })).outcome.type, 'answered')
})

test('redirected answers have a limit of their own', async () => {
  await using stun = await server({ limits: { redirected: { burst: 0, refillMs: 60_000, maxKeys: 10 } } })
  const to = { address: A, port: stun.port }
  const elsewhere: StunAttribute = { type: 'RESPONSE-PORT', port: 5_000 }
  assert.equal((await ask(to, [elsewhere], { schedule: HASTY })).outcome.type, 'failed')
  assert.equal((await ask(to)).outcome.type, 'answered')
})

async function until(done: () => boolean): Promise<void> {
  const endMs = performance.now() + 5_000
  while (!done()) {
    assert.ok(performance.now() < endMs, 'it does not happen')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function answers(socket: Socket, count: number): Promise<StunMessage[]> {
  const frames = new StunFrames()
  const found: StunMessage[] = []
  for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
    found.push(...frames.push(bytes).map(decodeStun))
    if (found.length >= count) break
  }
  return found
}

test('TCP: requests in pieces and in one go, answered in order', async () => {
  await using stun = await server({ hosts: [A, B].map(host => ({ host, address: host })) })
  const socket = connect(stun.port, A)
  await once(socket, 'connect')
  const requests = [1, 2, 3].map(() => Buffer.from(stunRequest(secureRandom)))
  socket.write(requests[0]!.subarray(0, 7))
  socket.write(Buffer.concat([requests[0]!.subarray(7), ...requests.slice(1)]))
  const responses = await answers(socket, 3)
  assert.deepEqual(
    responses.map(({ transactionId }) => Buffer.from(transactionId)),
    requests.map(request => request.subarray(8, 20))
  )
  assert.deepEqual(told(responses[0]!, 'XOR-MAPPED-ADDRESS'), { address: A, port: socket.localPort })
  assert.deepEqual(told(responses[0]!, 'OTHER-ADDRESS'), { address: B, port: stun.port })
  socket.destroy()
})

test('TCP: what is no STUN, and silence, end the connection', async () => {
  await using stun = await server({ limits: { idleMs: 200 } })
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0']) {
    const socket = connect(stun.port, A)
    socket.write(bytes)
    await once(socket.resume(), 'close')
  }
  await until(() => stun.connections === 0)
})

test('TCP: connections are bounded, per source and in all, and closed ones do not count', async () => {
  await using stun = await server({ limits: { maxConnectionsFrom: 2, maxConnections: 3 } })
  const open = async (localAddress: string) => {
    const socket = connect({ port: stun.port, host: A, localAddress })
    socket.on('error', () => {})
    socket.write(stunRequest(secureRandom))
    const answered = (await answers(socket, 1).catch(() => [])).length === 1
    return { socket, answered }
  }
  const kept = [await open(A), await open(A), await open(A), await open(B), await open('127.0.0.3')]
  assert.deepEqual(
    kept.map(({ answered }) => answered),
    [true, true, false, true, false]
  )
  kept[0]!.socket.destroy()
  await until(() => stun.connections < 3)
  assert.equal((await open(A)).answered, true)
  for (const { socket } of kept) socket.destroy()
})

test('TLS, with a certificate', async () => {
  const tls = { ...selfSigned(), port: await freeTcpPort() }
  await using stun = await server({ tls })
  const socket = connectTls({ port: tls.port, host: A, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(stunRequest(secureRandom))
  const [response] = await answers(socket, 1)
  assert.deepEqual(told(response!, 'RESPONSE-ORIGIN'), { address: A, port: tls.port })
  socket.destroy()
  // somebody who speaks no TLS there
  const plain = connect(tls.port, A)
  plain.write(stunRequest(secureRandom))
  plain.on('error', () => {})
  await once(plain.resume(), 'close')
  await until(() => stun.connections === 0)
})

test('TLS: who never finishes the handshake is ended, silent or a byte at a time', async () => {
  const tls = { ...selfSigned(), port: await freeTcpPort() }
  await using stun = await server({ tls, limits: { idleMs: 200 } })
  // a ClientHello that is to be 512 bytes long
  const hello = Buffer.concat([Buffer.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), Buffer.alloc(500)])
  for (const everyMs of [undefined, 50]) {
    const socket = connect(tls.port, A)
    socket.on('error', () => {})
    await once(socket, 'connect')
    let sent = 0
    const timer = everyMs == null ? undefined : setInterval(() => socket.write(hello.subarray(sent, ++sent)), everyMs)
    await once(socket.resume(), 'close', { signal: AbortSignal.timeout(10_000) })
    clearInterval(timer)
    await until(() => stun.connections === 0)
  }
})

test('a taken port is refused when it was asked for', async () => {
  await using first = await server()
  const again = startStunServer({ hosts: [{ host: A, address: A }], port: first.port })
  await assert.rejects(again, error => error instanceof NatError && error.code === 'PORT_TAKEN')
  assert.equal((await ask({ address: A, port: first.port })).outcome.type, 'answered')
})

test('without a port two servers on one address get along', async () => {
  const [first, second] = [
    await startStunServer({ hosts: [{ host: A, address: A }] }),
    await startStunServer({ hosts: [{ host: A, address: A }] })
  ]
  await using _ = { [Symbol.asyncDispose]: () => Promise.all([first.stop(), second.stop()]).then(() => {}) }
  assert.notEqual(first.port, second.port)
  assert.equal((await ask({ address: A, port: second.port })).outcome.type, 'answered')
})

async function freeTcpPort(): Promise<number> {
  await using free = await server()
  return free.port
}
