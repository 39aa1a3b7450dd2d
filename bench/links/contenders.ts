import { noise } from '@chainsafe/libp2p-noise'
import { quic } from '@chainsafe/libp2p-quic'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { createNode, type Link } from '../../src/index.ts'
import { pathOf } from '../../src/node/path.ts'
import { nowMs, tell } from './events.ts'

/** What the program asks of a node, whoever made it. */
export interface Contender {
  readonly id: string
  handle(protocol: string, handler: (stream: Stream) => void): Promise<void>
  /** A stream to the peer; connects first where there is no connection. */
  open(peer: string, protocol: string): Promise<Stream>
}

/** By the public API, as an application. */
async function beeline(hubs: readonly string[]): Promise<Contender> {
  const node = await createNode({ hubs })
  const watched = new WeakSet<Link>()
  const watch = (link: Link): Link => {
    if (watched.has(link)) return link
    watched.add(link)
    const say = (path = link.path) => path && tell({ event: 'path', ...path, atMs: nowMs() })
    link.events.on('path', say)
    say()
    return link
  }
  node.events.on('link', watch)
  return {
    id: node.id,
    handle: (protocol, handler) => node.handle(protocol, handler),
    open: async (peer, protocol) => await watch(await node.connect(peer)).openStream(protocol)
  }
}

/** How long js-libp2p may take to get to a relay, and by it to the peer. */
const DIAL_MS = 10_000

/**
 * js-libp2p as its documentation builds it, at the first hub. Of two relays to listen at, version 4.2 of its relay client forgets the other one when
 * it has a reservation (its queue is cleared), and the node never starts. After a relay is lost it does not come back (js-libp2p#3601).
 */
async function stock([hub = '']: readonly string[]): Promise<Contender> {
  const node = await createLibp2p({
    addresses: {
      listen: ['/ip4/0.0.0.0/udp/0/quic-v1', '/ip4/0.0.0.0/tcp/0', `${hub}/p2p-circuit`]
    },
    transports: [quic(), tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() }
  })
  const reserved = () => node.getMultiaddrs().filter(each => each.toString().includes('/p2p-circuit'))
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (reserved().length > 0) resolve()
  }
  node.addEventListener('self:peer:update', look)
  look()
  await promise
  return {
    id: node.peerId.toString(),
    handle: (protocol, handler) => node.handle(protocol, handler, { runOnLimitedConnection: true }),
    async open(peer, protocol) {
      const connection = await node.dial(multiaddr(`${hub}/p2p-circuit/p2p/${peer}`), {
        signal: AbortSignal.timeout(DIAL_MS)
      })
      tell({ event: 'path', ...pathOf(connection), atMs: nowMs() })
      return await connection.newStream(protocol, {
        runOnLimitedConnection: true,
        signal: AbortSignal.timeout(DIAL_MS)
      })
    }
  }
}

export const CONTENDERS = { beeline, 'js-libp2p': stock } satisfies Record<
  string,
  (hubs: readonly string[]) => Promise<Contender>
>
export type ContenderName = keyof typeof CONTENDERS
