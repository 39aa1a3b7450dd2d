import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, PeerId } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Clock, realClock, type Timer } from '../../../src/core/clock.ts'
import { Events } from '../../../src/core/events.ts'
import { circuitRelay, type ReservationEvents } from '../../../src/libp2p/circuit/index.ts'
import { Links, type LinksOptions } from '../../../src/libp2p/links/links.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import { QuicTransport } from '../../../src/libp2p/quic/transport.ts'
import { tcp } from '../../../src/libp2p/tcp/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import type { PacketSwitch } from '../../../src/socket/switch.ts'
import { HOP_PROTOCOL, STOP_PROTOCOL } from '../../../src/wire/circuit.ts'
import { ECHO } from './stage.ts'

/** A relay, as far as its peers know it. */
export interface AtHub {
  readonly addrs: readonly string[]
}

/** A libp2p with links and nothing else: what a node has inside. */
export interface Bare {
  readonly libp2p: Libp2p
  readonly links: Links
  /** Asked before each connection; what it says may be changed. */
  readonly gater: ConnectionGater
  readonly id: PeerId
  /** Begins to be reachable at its hubs. @returns when it is, at the first of them */
  reserve(): Promise<void>
  /** Over one of its hubs, past libp2p's dial queue. */
  dial(peer: PeerId, hub?: AtHub, signal?: AbortSignal): Promise<Connection>
  packetSwitch(): Promise<PacketSwitch>
  /** What there is of links, now and of what they need. */
  left(): Promise<Left>
}

export interface Left {
  readonly links: number
  readonly flows: number
  readonly admitted: number
  readonly pipes: number
  readonly handshakes: number
  /** Relayed streams, by the connections to hubs. */
  readonly relayed: number
  readonly timers: number
}

export async function bare(hubs: readonly AtHub[], options: Partial<LinksOptions> = {}): Promise<Bare> {
  const addresses = hubs.map(({ addrs }) => multiaddr(addrs.find(each => each.includes('/quic-v1'))))
  const events = new Events<ReservationEvents>()
  const clock = new CountingClock()
  const gater: ConnectionGater = { denyDialMultiaddr: () => false }
  const links = new Links({
    clock,
    candidates: { list: () => [], onChange: () => () => {} },
    relays: () => addresses,
    allowPrivate: true,
    ...options
  })
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0'] },
    transports: [quic(), tcp(), circuitRelay({ links, events })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: gater,
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 1_000 },
    services: { identify: identify(), links: links.service }
  })
  await libp2p.handle(
    ECHO,
    async stream => {
      for await (const chunk of stream) stream.send(chunk)
      await stream.close()
    },
    { runOnLimitedConnection: true }
  )
  const { transportManager } = (libp2p as unknown as { components: { transportManager: TransportManager } }).components
  const packetSwitch = () =>
    transportManager
      .getTransports()
      .find(each => each instanceof QuicTransport)!
      .packetSwitch()
  return {
    libp2p,
    links,
    gater,
    id: libp2p.peerId,
    async reserve() {
      const { promise, resolve } = Promise.withResolvers<unknown>()
      const off = events.on('reserved', resolve)
      await transportManager.listen(addresses.map(hub => hub.encapsulate('/p2p-circuit')))
      await promise
      off()
    },
    dial(peer, hub = hubs[0], signal = AbortSignal.timeout(10_000)) {
      const relay = addresses[hubs.indexOf(hub!)]!
      return transportManager.dial(relay.encapsulate(`/p2p-circuit/p2p/${peer}`), { signal })
    },
    packetSwitch,
    async left() {
      const { flows, admitted, pipes, handshakes } = await (await packetSwitch()).stats()
      const streams = libp2p.getConnections().flatMap(connection => connection.streams)
      const relayed = streams.filter(({ protocol }) => protocol === HOP_PROTOCOL || protocol === STOP_PROTOCOL).length
      return { links: links.all().length, flows, admitted, pipes, handshakes, relayed, timers: clock.pending }
    }
  }
}

/** The machine's clock, which knows how many timers are set. */
class CountingClock implements Clock {
  pending = 0

  now(): number {
    return realClock.now()
  }

  after(ms: number, fn: () => void): Timer {
    this.pending++
    let done = false
    const end = () => {
      if (!done) this.pending--
      done = true
    }
    const timer = realClock.after(ms, () => {
      end()
      fn()
    })
    return {
      cancel: () => {
        end()
        timer.cancel()
      }
    }
  }
}

/** One byte goes there and back. */
export async function echo(connection: Connection, signal = AbortSignal.timeout(10_000)): Promise<void> {
  const stream = await connection.newStream(ECHO, { signal, runOnLimitedConnection: true })
  const bytes = byteStream(stream)
  await bytes.write(Uint8Array.of(42), { signal })
  await bytes.read({ bytes: 1, signal })
  stream.abort(new Error('the test has seen enough'))
}
