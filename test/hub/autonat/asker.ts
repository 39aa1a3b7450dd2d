import type { TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type AutonatServerOptions, autonatServer } from '../../../src/hub/autonat/index.ts'
import { encodeFrame, Frames } from '../../../src/libp2p/frames.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import {
  type AutonatMessage,
  autonatCodec,
  DIAL_BACK_PROTOCOL,
  DIAL_REQUEST_PROTOCOL,
  dialBackCodec,
  dialBackResponseCodec,
  MAX_AUTONAT_BYTES
} from '../../../src/wire/autonat.ts'

const signal = () => AbortSignal.timeout(20_000)

async function start(t: TestContext, services = {}, listen = ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0']) {
  const node = await createLibp2p({
    addresses: { listen },
    transports: [quic(), tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ...services }
  })
  t.after(async () => node.stop())
  return node
}

/** A hub's AutoNAT on loopback. */
export function startServer(t: TestContext, options: Partial<AutonatServerOptions> = {}): Promise<Libp2p> {
  return start(t, {
    autonat: autonatServer({ transports: () => [quic(), tcp()], allowPrivate: true, ...options })
  })
}

export interface DialBackSeen {
  readonly nonce: bigint | undefined
  readonly remoteAddr: Multiaddr
  readonly from: string
}

/** A peer that asks by hand. */
export async function startAsker(t: TestContext, server: Libp2p, onDialBack: 'answer' | 'reset' | 'none' = 'answer') {
  const node = await start(t)
  const dialBacks: DialBackSeen[] = []
  if (onDialBack !== 'none') {
    await node.handle(DIAL_BACK_PROTOCOL, async (stream: Stream, connection: Connection) => {
      const { nonce } = await new Frames(stream, dialBackCodec, 'AutoNAT dial-back').read(signal())
      dialBacks.push({ nonce, remoteAddr: connection.remoteAddr, from: connection.remotePeer.toString() })
      if (onDialBack === 'reset') return stream.abort(new Error('no'))
      stream.send(encodeFrame(dialBackResponseCodec.encode({ status: 'OK' })))
      await stream.close()
    })
  }
  const connection = await node.dial(server.getMultiaddrs()[0]!)
  const open = async () => {
    const stream = await connection.newStream(DIAL_REQUEST_PROTOCOL)
    return new Frames<AutonatMessage>(stream, autonatCodec, 'AutoNAT', MAX_AUTONAT_BYTES)
  }
  return {
    node,
    dialBacks,
    connection,
    open,
    /** One request, and the first message that comes back. */
    async ask(addrs: readonly Uint8Array[], nonce = 1n) {
      const frames = await open()
      frames.send({ dialRequest: { addrs, nonce } })
      const message = await frames.read(signal())
      if (message.dialResponse != null) await frames.stream.close()
      return { frames, message }
    }
  }
}
