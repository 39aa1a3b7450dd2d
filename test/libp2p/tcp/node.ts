import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Libp2p } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type PunchableTransport, type PunchDialOptions, punchers } from '../../../src/libp2p/punchable.ts'
import { tcp } from '../../../src/libp2p/tcp/index.ts'
import type { TcpTransport } from '../../../src/libp2p/tcp/transport.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { internalsOf } from '../dcutr/fixture.ts'

export interface TcpNode extends AsyncDisposable {
  readonly node: Libp2p
  readonly transport: TcpTransport & PunchableTransport
  readonly address: Multiaddr
  dial(to: Multiaddr, options?: PunchDialOptions): Promise<Connection>
}

/** A node that speaks nothing but our TCP, on loopback, and whose dials go past libp2p's queue. */
export async function tcpNode(): Promise<TcpNode> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false }
  })
  const { transportManager } = internalsOf(node)
  return {
    node,
    transport: punchers(transportManager.getTransports())[0] as TcpTransport,
    address: node.getMultiaddrs()[0]!,
    dial: (to, options = {}) =>
      transportManager.dial(to, { signal: AbortSignal.timeout(10_000), ...options } as Parameters<
        TransportManager['dial']
      >[1]),
    [Symbol.asyncDispose]: async () => await node.stop()
  }
}
