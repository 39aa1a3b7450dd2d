import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemUdp } from '../../../src/socket/system/udp.ts'

const bytes = Uint8Array.of(1, 2, 3)

for (const [family, address] of [
  [4, '127.0.0.1'],
  [6, '::1']
] as const) {
  test(`IPv${family}: a datagram arrives with its sender, until nobody listens`, async () => {
    const a = await systemUdp({ family, address })
    const b = await systemUdp({ family, address })
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const stop = b.onPacket((packet, from) => resolve({ packet: [...packet], from }))
    // a socket of this room does not keep the program alive, and a test is one
    const alive = setTimeout(() => {}, 5_000)
    a.send({ bytes, to: b.local })
    assert.deepEqual(await promise, { packet: [1, 2, 3], from: a.local })
    clearTimeout(alive)
    stop()
    a.close()
    a.close()
    a.send({ bytes, to: b.local })
    b.close()
  })
}

test('a port that is taken is an error with its name', async () => {
  const a = await systemUdp({ family: 4, address: '127.0.0.1' })
  await assert.rejects(systemUdp({ family: 4, address: '127.0.0.1', port: a.local.port }), { code: 'PORT_TAKEN' })
  a.close()
})

test('an address that is not ours is an error with its name', async () => {
  await assert.rejects(systemUdp({ family: 4, address: '192.0.2.1' }), { code: 'NO_NETWORK' })
})

test('what can be sent nowhere is lost', async () => {
  const socket = await systemUdp({ family: 4, address: '127.0.0.1' })
  for (const to of [
    { address: '127.0.0.1', port: 0 },
    { address: '::1', port: 4001 }
  ]) {
    assert.doesNotThrow(() => socket.send({ bytes, to }))
  }
  socket.close()
})

test('as many questions at once as one likes: no warning', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  const socket = await systemUdp({ family: 4, address: '127.0.0.1' })
  for (let i = 0; i < 40; i++) socket.onPacket(() => {})
  // a warning is told in the next tick
  await new Promise(resolve => setImmediate(resolve))
  socket.close()
  process.off('warning', onWarning)
  assert.deepEqual(warnings, [])
})
