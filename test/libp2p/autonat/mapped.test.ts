import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { createLibp2p, type Libp2p } from 'libp2p'
import { Events } from '../../../src/core/events.ts'
import { type Autonat, autonat } from '../../../src/libp2p/autonat/index.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import { startServer } from '../../hub/autonat/asker.ts'

/** As a router with a mapped port: what comes to it goes to that port of ours, from a port per sender. */
async function forwarder(t: TestContext, to: () => number): Promise<number> {
  const outside = createSocket('udp4')
  const inside = new Map<number, Socket>()
  outside.on('message', (bytes, { port }) => {
    const socket =
      inside.get(port) ?? createSocket('udp4').on('message', answer => outside.send(answer, port, '127.0.0.1'))
    inside.set(port, socket)
    socket.send(bytes, to(), '127.0.0.1')
  })
  outside.bind(0, '127.0.0.1')
  await once(outside, 'listening')
  t.after(() => {
    for (const socket of [outside, ...inside.values()]) socket.close()
  })
  return outside.address().port
}

const portOf = (node: Libp2p) => Number(/udp\/(\d+)/.exec(String(node.getMultiaddrs()[0]))?.[1])
const bare = (node: Libp2p) => node.getMultiaddrs().map(address => String(address).replace(/\/p2p\/.*/, ''))

/** Waits until the addresses that the node announces are as they should be. */
async function announces(node: Libp2p, fits: (addresses: string[]) => boolean): Promise<void> {
  const signal = AbortSignal.timeout(20_000)
  while (!fits(bare(node))) await once(node, 'self:peer:update', { signal })
}

test('a mapped address is announced when a server has reached us by it, and no longer when the mapping is gone', async t => {
  const changes = new Events<{ change: undefined }>()
  let mapped: string[] = []
  const node: Libp2p<{ autonat: Autonat; identify: unknown }> = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      autonat: autonat({
        allowPrivate: true,
        mapped: { list: () => mapped, onChange: listener => changes.on('change', listener) }
      })
    }
  })
  t.after(async () => node.stop())
  const port = await forwarder(t, () => portOf(node))
  const good = `/ip4/127.0.0.1/udp/${port}/quic-v1`
  // nobody is there: a router that says that it has mapped a port, and has not
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => void silent.close())
  const lie = `/ip4/127.0.0.1/udp/${silent.address().port}/quic-v1`

  mapped = [good, lie]
  changes.emit('change', undefined)
  const server = await startServer(t)
  await node.dial(server.getMultiaddrs()[0]!)
  await announces(node, addresses => addresses.includes(good))
  assert.ok(!bare(node).includes(lie))
  assert.deepEqual(
    node.services.autonat.addresses.find(({ address }) => address === good),
    { address: good, verdict: 'reachable' }
  )

  mapped = []
  changes.emit('change', undefined)
  await announces(node, addresses => !addresses.includes(good))
  assert.ok(!node.services.autonat.addresses.some(({ address }) => address === good))
})
