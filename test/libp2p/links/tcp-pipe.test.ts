import assert from 'node:assert/strict'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { MAX_QUEUED_BYTES } from '../../../src/libp2p/links/pipe.ts'
import { TcpPipe } from '../../../src/libp2p/links/tcp-pipe.ts'
import { DatagramReader, frame } from '../../../src/wire/datagrams.ts'
import { until } from '../dcutr/fixture.ts'
import { pair } from '../tcp/pair.ts'

const remote = { address: '2a0b:beef:1::10', port: 4001 }

async function setUp(t: TestContext) {
  const [socket, other] = await pair(t)
  const clock = new VirtualClock()
  const pipe = new TcpPipe(socket, remote, clock, 'server')
  const heard: Buffer[] = []
  const reasons: string[] = []
  const start = () =>
    pipe.start(
      bytes => heard.push(Buffer.from(bytes)),
      reason => reasons.push(reason)
    )
  return { socket, other, clock, pipe, start, reasons, text: () => Buffer.concat(heard).toString() }
}

test('what it is', async t => {
  const { pipe } = await setUp(t)
  assert.deepEqual([pipe.kind, pipe.transport, pipe.remote], ['tcp', 'tcp', '[2a0b:beef:1::10]:4001'])
})

test('what came before the start is not lost', async t => {
  const { other, start, text } = await setUp(t)
  await new Promise(resolve => other.write('early', resolve))
  start()
  other.write(' and late')
  await until('all is there', () => text() === 'early and late')
})

test('a pipe that is full drops whole frames, and the newest', async t => {
  const { socket, other, pipe } = await setUp(t)
  // the other side does not read: what the system takes differs, what waits here does not
  const count = 20_000
  const frames = (i: number) => {
    const datagram = Buffer.alloc(1_200, 1)
    datagram.writeUInt32BE(i)
    return frame(datagram)
  }
  for (let i = 0; i < count; i++) {
    pipe.send(frames(i))
    if (i % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(socket.writableLength <= MAX_QUEUED_BYTES)
  assert.ok(socket.writableLength > MAX_QUEUED_BYTES - 2_000, `${socket.writableLength} bytes wait`)
  const reader = new DatagramReader()
  const numbers: number[] = []
  other.on('data', bytes => {
    for (const datagram of reader.push(bytes)) numbers.push(Buffer.from(datagram).readUInt32BE())
  })
  other.resume()
  await until('what waited has come', () => socket.writableLength === 0 && numbers.length * 1_202 === other.bytesRead)
  assert.ok(numbers.length < count, 'some were dropped')
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i),
    'the oldest came, in order'
  )
  pipe.send(frames(count))
  await until('it carries again', () => numbers.at(-1) === count)
})

for (const [what, end, reason] of [
  ['ends', 'end', /the other side ended/],
  ['resets', 'resetAndDestroy', /ECONNRESET/]
] as const) {
  test(`the other side ${what}: told once, with the reason, and what is sent then goes nowhere`, async t => {
    const { other, pipe, start, reasons } = await setUp(t)
    start()
    other.resume()[end]()
    await until('it is told', () => reasons.length > 0)
    pipe.send(frame(Buffer.from('late')))
    pipe.close()
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(reasons.length, 1)
    assert.match(reasons[0]!, reason)
  })
}

test('ended before the start: told nonetheless', async t => {
  const { socket, start, reasons } = await setUp(t)
  socket.destroy()
  await once(socket, 'close')
  start()
  await until('it is told', () => reasons.length === 1)
})

test('close: what was sent gets there, nothing is told, and then the connection is reset', async t => {
  const { socket, other, pipe, start, clock, reasons, text } = await setUp(t)
  start()
  pipe.send(frame(Buffer.from('goodbye')))
  pipe.close()
  pipe.close()
  pipe.send(frame(Buffer.from('late')))
  const [bytes] = (await once(other.resume(), 'data')) as [Buffer]
  assert.equal(bytes.toString('latin1'), '\x00\x07goodbye')
  other.write('unheard')
  assert.equal(socket.destroyed, false)
  const failed = once(other, 'error')
  await clock.advance(500)
  const [error] = (await failed) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
  assert.equal(socket.destroyed, true)
  assert.deepEqual([text(), reasons, clock.pending], ['', [], 0])
})

test('close, and the other side is faster: no timer stays', async t => {
  const { socket, other, pipe, clock } = await setUp(t)
  pipe.close()
  other.resume().end()
  await once(socket, 'close')
  assert.equal(clock.pending, 0)
})
