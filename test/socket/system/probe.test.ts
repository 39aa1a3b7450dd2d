import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import type { IcmpError, ProbeSocket } from '../../../src/core/net.ts'
import { systemProbe } from '../../../src/socket/system/probe.ts'
import { systemUdp } from '../../../src/socket/system/udp.ts'

const bytes = Uint8Array.of(1, 2, 3)

/** A probe, or why this machine has none. */
async function opened(): Promise<ProbeSocket | string> {
  try {
    return await systemProbe({ family: 4, address: '127.0.0.1' })
  } catch (error) {
    if (error instanceof NatError && error.code === 'UNSUPPORTED') return error.message
    throw error
  }
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const socket = await systemUdp({ family: 4, address: '127.0.0.1' })
  socket.close()
  return socket.local.port
}

/** The socket's own timer does not keep a program alive, and a test is one. */
async function within<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('nothing within 5 s')), 5_000)
  return await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
}

test('a probe hears datagrams, and that a port is shut', async t => {
  const probe = await opened()
  if (typeof probe === 'string') return t.skip(probe)
  const other = await systemUdp({ family: 4, address: '127.0.0.1' })
  const heard = Promise.withResolvers<unknown>()
  const failed = Promise.withResolvers<IcmpError>()
  probe.onPacket((packet, from) => heard.resolve({ packet: [...packet], from }))
  probe.onIcmp(failed.resolve)
  other.send({ bytes, to: probe.local })
  assert.deepEqual(await within(heard.promise), { packet: [1, 2, 3], from: other.local })
  probe.send({ bytes, to: { address: '127.0.0.1', port: await closedPort() } })
  assert.deepEqual(await within(failed.promise), { type: 'unreachable', router: '127.0.0.1' })
  probe.close()
  probe.close()
  other.close()
})

test('a probe that is closed by who hears it says no more', async t => {
  const probe = await opened()
  if (typeof probe === 'string') return t.skip(probe)
  const other = await systemUdp({ family: 4, address: '127.0.0.1' })
  const first = Promise.withResolvers<void>()
  let count = 0
  probe.onPacket(() => {
    count++
    probe.close()
    first.resolve()
  })
  for (let i = 0; i < 8; i++) other.send({ bytes, to: probe.local })
  await within(first.promise)
  // what else was there has been read by now, if it is read at all
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(count, 1)
  other.close()
})
