import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { identify, identifyPush } from '@libp2p/identify'
import type { Transport } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { createLibp2p } from 'libp2p'
import { liveness } from '../libp2p/liveness.ts'
import { interfaceAddresses, isLoopback, isUnspecified } from '../libp2p/quic/address.ts'
import { quic } from '../libp2p/quic/index.ts'
import { listeningSockets } from '../libp2p/quic/shared.ts'
import { yamux } from '../libp2p/yamux.ts'
import { defaultKeyFile, loadKey } from '../node/key.ts'
import { autonatServer } from './autonat/index.ts'
import { freePort } from './free-port.ts'
import { relayService } from './relay/index.ts'
import { type StunTls, startStunServer, stunHosts } from './stun/index.ts'

export interface HubOptions {
  /** Addresses to listen on. @default ['0.0.0.0'] */
  readonly hosts?: readonly string[]
  /** TCP and QUIC; 0 takes one that is free for both. @default 4001 */
  readonly port?: number
  /** WebSocket; 0 takes a free one. @default 8080 */
  readonly httpPort?: number
  /** STUN over UDP and TCP; 0 takes one that is free for both. @default 3478, or a free one where that is taken */
  readonly stunPort?: number
  /** A certificate: with it STUN is served over TLS too. @default none */
  readonly tls?: StunTls
  /** STUN over TLS. @default 5349 */
  readonly stunsPort?: number
  /** IP addresses to tell peers instead of those listened on, for a hub behind a forwarding router. */
  readonly announce?: readonly string[]
  /** The folder that keeps the hub's identity. @default the XDG configuration folder */
  readonly dataDir?: string
}

export interface Hub {
  readonly id: string
  readonly addrs: readonly string[]
  /** Of WebSocket. */
  readonly httpPort: number
  /** Where STUN is served over UDP and TCP, as `ip:port` or `[ip]:port`. The UDP port of QUIC answers it as well. */
  readonly stun: readonly string[]
  /** Where it is served over TLS; none without a certificate. */
  readonly stuns: readonly string[]
  stop(): Promise<void>
}

/** Connections in all: what a small machine carries (docs/hub.md). */
const MAX_CONNECTIONS = 20_000

/**
 * A public server that any two peers can meet at: circuit relay v2 over TCP, QUIC and WebSocket, AutoNAT v2, and STUN.
 *
 * @throws NatError PORT_TAKEN, NO_NETWORK, BAD_KEY
 */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const { hosts = ['0.0.0.0'], announce = [], dataDir, stunPort, stunsPort = 5349, tls } = options
  const privateKey = await loadKey(dataDir == null ? defaultKeyFile('hub') : join(dataDir, 'hub.key'))
  const port = await chosen(options.port ?? 4001, hosts)
  const httpPort = await chosen(options.httpPort ?? 8080, hosts)
  const told = announced(announce.length > 0 ? announce : hosts)
  const quicTransport = quic()
  let listening: Transport | undefined
  const node = await createLibp2p({
    privateKey,
    addresses: {
      listen: hosts.flatMap(host => addressesOf(host, port, httpPort)),
      announce: told.flatMap(host => addressesOf(host, port, httpPort))
    },
    transports: [
      components => {
        listening = quicTransport(components)
        return listening
      },
      tcp(),
      webSockets()
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // most peers ask us, and more cheaply
    connectionMonitor: { enabled: false },
    connectionManager: { maxConnections: MAX_CONNECTIONS, inboundConnectionThreshold: 100 },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      liveness: liveness(),
      // stock TCP, whose dials leave from a new port each
      autonat: autonatServer({ transports: () => [quic(), tcp(), webSockets()], hosts }),
      relay: relayService()
    }
  })
  const startStun = async () => {
    const shared = listening == null ? [] : await listeningSockets(listening)
    return await startStunServer({
      hosts: stunHosts(hosts, announce, shared),
      ...(stunPort == null ? {} : { port: stunPort }),
      ...(tls == null ? {} : { tls: { ...tls, port: stunsPort } })
    })
  }
  // a hub that could not start holds no ports
  const stun = await startStun().catch(async error => {
    await node.stop()
    throw error
  })
  return {
    id: node.peerId.toString(),
    addrs: node.getMultiaddrs().map(String),
    httpPort,
    stun: told.map(host => hostPort(host, stun.port)),
    stuns: tls == null ? [] : told.map(host => hostPort(host, stunsPort)),
    async stop() {
      await stun.stop()
      await node.stop()
    }
  }
}

async function chosen(port: number, [host = '0.0.0.0']: readonly string[]): Promise<number> {
  return port === 0 ? await freePort(host) : port
}

/** libp2p itself would announce a public address only after others have confirmed it, and a hub is the first there is. */
function announced(hosts: readonly string[]): string[] {
  return hosts.flatMap(host => {
    if (!isUnspecified(host)) return [host]
    const all = interfaceAddresses(host.includes(':') ? 6 : 4)
    const others = all.filter(address => !isLoopback(address))
    return others.length > 0 ? others : all
  })
}

function addressesOf(host: string, port: number, httpPort: number): string[] {
  const ip = `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}`
  return [`${ip}/udp/${port}/quic-v1`, `${ip}/tcp/${port}`, `${ip}/tcp/${httpPort}/ws`]
}

function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
