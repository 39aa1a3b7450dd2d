import { createHash } from 'node:crypto'
import type { Stream, Transport } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import { quicEndpoint } from '../../src/libp2p/quic/address.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import type { QuicTransport } from '../../src/libp2p/quic/transport.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'

/** What the attacker and the attacked node of hostile.test.ts agree on. */

export const HOSTILE_PROTOCOL = '/beeline-test/hostile/1'
export const PACKETS = 90_000
export const PACKETS_PER_MS = 10
/**
 * After these, memory should no longer grow: the JavaScript heaps and the engine's have by then what the bounded tables
 * need, and the garbage in between (docs/performance.md).
 */
export const WARM_PACKETS = 60_000

/** A node that takes one stream of bytes, and can be looked into. */
export async function attackedNode(plane: PlaneKind) {
  let transport: Transport | undefined
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [components => (transport = quic({ plane })(components))],
    connectionMonitor: { enabled: false }
  })
  const received = Promise.withResolvers<{ bytes: number; sha256: string }>()
  await node.handle(HOSTILE_PROTOCOL, async (stream: Stream) => {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of stream) {
      for (const part of chunk instanceof Uint8Array ? [chunk] : chunk) hash.update(part)
      bytes += chunk.byteLength
    }
    received.resolve({ bytes, sha256: hash.digest('hex') })
    await stream.close()
  })
  const packetSwitch = await (transport as QuicTransport).packetSwitch()
  return { node, packetSwitch, received: received.promise, port: quicEndpoint(node.getMultiaddrs()[0]!).port }
}
