import { dirname, join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { identify, identifyPush } from '@libp2p/identify'
import type { Transport } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { createLibp2p } from 'libp2p'
import { Events } from '../core/events.ts'
import { liveness } from '../libp2p/liveness.ts'
import { quic } from '../libp2p/quic/index.ts'
import { listeningSockets } from '../libp2p/quic/shared.ts'
import { yamux } from '../libp2p/yamux.ts'
import { defaultKeyFile, loadKey } from '../node/key.ts'
import { accessOf } from './access/index.ts'
import { addressesOf, announced, hostPort } from './addresses.ts'
import { autonatServer } from './autonat/index.ts'
import { freePort } from './free-port.ts'
import { startHttpServer } from './http/index.ts'
import type { Hub, HubOptions } from './options.ts'
import { startRegistry } from './records/index.ts'
import { limitsOf, type ReservationEvents, relayService } from './relay/index.ts'
import { rendezvousService } from './rendezvous/index.ts'
import { openStore } from './store/open.ts'
import { startStunServer, stunHosts } from './stun/index.ts'

export type { Hub, HubOptions, HubRules } from './options.ts'

/** Connections in all: what a small machine carries (docs/hub.md). */
const MAX_CONNECTIONS = 20_000

/**
 * A public server that any two peers can meet at: circuit relay v2 over TCP, QUIC and WebSocket, records of where peers are, AutoNAT v2,
 * and STUN.
 *
 * @throws NatError PORT_TAKEN, NO_NETWORK, BAD_KEY, BAD_OPTION
 */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  // a hub that could not start holds no ports, and no files
  const opened: (() => Promise<void> | void)[] = []
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    return await start(options, opened, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** @param opened what ends each part; the last one ends first */
async function start(
  options: HubOptions,
  opened: (() => Promise<void> | void)[],
  stop: () => Promise<void>
): Promise<Hub> {
  const { hosts = ['0.0.0.0'], announce = [], stunPort, stunsPort = 5349, tls, operatorToken } = options
  const keyFile = options.dataDir == null ? defaultKeyFile('hub') : join(options.dataDir, 'hub.key')
  const access = accessOf(options.access)
  const limits = limitsOf(options.limits)
  const privateKey = await loadKey(keyFile)
  const port = options.port === 0 ? await freePort(hosts[0] ?? '0.0.0.0') : (options.port ?? 4001)
  const told = announced(announce.length > 0 ? announce : hosts)
  const { httpLimits, trustedProxies } = options
  const http = await startHttpServer({
    hosts,
    port: options.httpPort ?? 8080,
    limits: httpLimits,
    trustedProxies
  })
  opened.push(() => http.stop())
  const store = await openStore(options.store ?? (options.dataDir == null ? 'memory:' : undefined), dirname(keyFile))
  opened.push(() => store.stop())
  const reservations = new Events<ReservationEvents>()
  const records = startRegistry({
    store,
    hub: peerIdFromPrivateKey(privateKey).toString(),
    reservations,
    ...(options.recordLimits == null ? {} : { limits: options.recordLimits })
  })
  opened.push(() => records.stop())
  const quicTransport = quic()
  let listening: Transport | undefined
  const relay = relayService({ limits, access, events: reservations })
  const node = await createLibp2p({
    privateKey,
    addresses: {
      listen: hosts.flatMap(host => addressesOf(host, port, http.port)),
      announce: told.flatMap(host => addressesOf(host, port, http.port))
    },
    transports: [
      components => {
        listening = quicTransport(components)
        return listening
      },
      tcp(),
      http.transport
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
      relay,
      rendezvous: rendezvousService({ records, access })
    }
  })
  opened.push(() => node.stop())
  const shared = listening == null ? [] : await listeningSockets(listening)
  const stun = await startStunServer({
    hosts: stunHosts(hosts, announce, shared),
    ...(stunPort == null ? {} : { port: stunPort }),
    ...(tls == null ? {} : { tls: { ...tls, port: stunsPort } })
  })
  opened.push(() => stun.stop())
  const id = node.peerId.toString()
  const addrs = () => node.getMultiaddrs().map(String)
  await http.serve({ records, access, hub: () => ({ id, addrs: addrs() }), operatorToken })
  return {
    id,
    addrs: addrs(),
    httpPort: http.port,
    stun: told.map(host => hostPort(host, stun.port)),
    stuns: tls == null ? [] : told.map(host => hostPort(host, stunsPort)),
    healthy: () => records.healthy(),
    change(rules) {
      const changed = limitsOf(rules.limits)
      access.change(rules.access ?? {})
      node.services.relay.change(changed)
    },
    async stop() {
      // whoever asks is told that the hub stops, and not that its store is away
      await http.stop()
      await stop()
    }
  }
}
