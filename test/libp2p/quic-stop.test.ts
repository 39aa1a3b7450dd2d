import assert from 'node:assert/strict'
import test from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { createLibp2p } from 'libp2p'
import { quic } from '../../src/libp2p/quic/index.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'

test('a node that stops, connected and listening, closes every packet switch that it opened', async t => {
  const opened = t.mock.method(PacketSwitch, 'open')
  const closed = t.mock.method(PacketSwitch.prototype, 'close')
  const start = () =>
    createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/udp/0/quic-v1'] },
      transports: [quic()],
      connectionEncrypters: [noise()],
      connectionGater: { denyDialMultiaddr: () => false }
    })
  const [a, b] = await Promise.all([start(), start()])
  await a.dial(b.getMultiaddrs()[0]!)
  await Promise.all([a.stop(), b.stop()])
  assert.equal(opened.mock.callCount(), 2)
  assert.equal(closed.mock.callCount(), 2)
})

test('a node that stops says goodbye: the other side does not have to wait for the idle timeout', async t => {
  for (const plane of ['ffi', 'portable'] as const) {
    const start = () =>
      createLibp2p({
        addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
        transports: [quic({ plane, maxIdleTimeout: 60_000 })],
        connectionGater: { denyDialMultiaddr: () => false }
      })
    const [a, b] = await Promise.all([start(), start()])
    t.after(() => Promise.all([a.stop(), b.stop()]))
    await a.dial(b.getMultiaddrs()[0]!)
    const closed = new Promise<void>(resolve => b.addEventListener('connection:close', () => resolve()))
    await a.stop()
    const late = new Promise((_, reject) => setTimeout(reject, 20_000, new Error('no goodbye within 20 s')).unref())
    await Promise.race([closed, late])
  }
})

test('it does so, too, where a stream does not end because nobody reads it', async t => {
  const start = () =>
    createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
      transports: [quic({ maxIdleTimeout: 60_000, maxStreamData: 10_000 })],
      connectionGater: { denyDialMultiaddr: () => false }
    })
  const [a, b] = await Promise.all([start(), start()])
  t.after(() => Promise.all([a.stop(), b.stop()]))
  await b.handle('/test/deaf/1.0.0', stream => stream.pause())
  const connection = await a.dial(b.getMultiaddrs()[0]!)
  const stream = await connection.newStream('/test/deaf/1.0.0')
  stream.send(new Uint8Array(1_000_000))
  const closed = new Promise<void>(resolve => b.addEventListener('connection:close', () => resolve()))
  await a.stop()
  const late = new Promise((_, reject) => setTimeout(reject, 10_000, new Error('no goodbye within 10 s')).unref())
  await Promise.race([closed, late])
})
