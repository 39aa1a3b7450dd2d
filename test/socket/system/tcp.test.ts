import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { systemTcp } from '../../../src/socket/system/tcp.ts'

let port = 0
let onSocket = (_socket: Socket) => {}
const server = createServer(socket => onSocket(socket.on('error', () => {})))

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
after(() => server.close())

const signal = () => AbortSignal.timeout(5_000)
const dial = (localPort?: number) =>
  systemTcp({ address: '127.0.0.1', port }, { signal: signal(), ...(localPort == null ? {} : { localPort }) })

test('bytes go there and back, and then the end', async () => {
  onSocket = socket => socket.on('data', bytes => socket.end(bytes))
  const connection = await dial()
  connection.write(Uint8Array.of(7, 8))
  assert.deepEqual([...((await connection.read(signal())) ?? [])], [7, 8])
  assert.equal(await connection.read(signal()), undefined)
  assert.equal(connection.remote.port, port)
  assert.notEqual(connection.local.port, 0)
  connection.close()
  connection.close()
})

test('a signal ends a read, and the connection can be read again', async () => {
  onSocket = socket => socket.on('data', bytes => socket.write(bytes))
  const connection = await dial()
  const reason = new Error('enough')
  const controller = new AbortController()
  const reading = connection.read(controller.signal)
  controller.abort(reason)
  await assert.rejects(reading, reason)
  connection.write(Uint8Array.of(9))
  assert.deepEqual([...((await connection.read(signal())) ?? [])], [9])
  connection.close()
})

test('who sends more than a protocol of ours would is cut off', async () => {
  const cut = new Promise<void>(resolve => {
    onSocket = socket => {
      socket.on('close', () => resolve())
      socket.write(new Uint8Array(1_000_000))
    }
  })
  const connection = await dial()
  await cut
  let kept = 0
  for (let part = await connection.read(signal()); part != null; part = await connection.read(signal()))
    kept += part.length
  assert.ok(kept <= 65_536, `${kept} bytes were kept`)
})

test('nobody there, a signal that has aborted', async () => {
  await assert.rejects(systemTcp({ address: '127.0.0.1', port: 1 }, { signal: signal() }), { code: 'NO_NETWORK' })
  const reason = new Error('too late')
  await assert.rejects(systemTcp({ address: '127.0.0.1', port }, { signal: AbortSignal.abort(reason) }), reason)
})
