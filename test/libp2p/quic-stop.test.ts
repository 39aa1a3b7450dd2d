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
