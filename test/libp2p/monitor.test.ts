import assert from 'node:assert/strict'
import test from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { optimisticMuxer } from '../../src/libp2p/optimistic.ts'
import { quic } from '../../src/libp2p/quic/index.ts'

const transports: ReadonlyArray<readonly [string, Libp2pOptions]> = [
  ['QUIC', { addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] }, transports: [quic()] }],
  ['yamux over TCP', { addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()] }]
]
for (const [what, options] of transports) {
  test(`${what}: js-libp2p's connection monitor leaves a peer that does not speak ping connected`, async () => {
    const common = {
      ...options,
      connectionEncrypters: [noise()],
      streamMuxers: [optimisticMuxer(yamux())],
      connectionGater: { denyDialMultiaddr: () => false }
    }
    const silent = await createLibp2p({ ...common, connectionMonitor: { enabled: false } })
    const monitor = await createLibp2p({ ...common, connectionMonitor: { pingInterval: 50 } })
    try {
      const connection = await monitor.dial(silent.getMultiaddrs()[0]!)
      for (let pings = 0; pings < 10; pings++) {
        // each ping that ends well sets it anew
        delete connection.rtt
        const endMs = performance.now() + 5_000
        while (connection.rtt == null) {
          assert.equal(connection.status, 'open')
          assert.ok(performance.now() < endMs, 'no ping ended within 5 s')
          await new Promise(resolve => setTimeout(resolve, 5))
        }
      }
    } finally {
      await Promise.all([monitor.stop(), silent.stop()])
    }
  })
}
