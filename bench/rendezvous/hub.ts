// A hub as startHub makes it, on loopback, without limits per source and per peer: all that ask come from one machine. argv: where it keeps its records.
import { setTimeout as delay } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { AllowanceInit } from '../../src/core/allowance.ts'
import { Events } from '../../src/core/events.ts'
import { accessOf } from '../../src/hub/access/index.ts'
import { freePort } from '../../src/hub/free-port.ts'
import { startHttpServer } from '../../src/hub/http/index.ts'
import { startRegistry } from '../../src/hub/records/index.ts'
import { type ReservationEvents, relayService } from '../../src/hub/relay/index.ts'
import { rendezvousService } from '../../src/hub/rendezvous/index.ts'
import { openStore } from '../../src/hub/store/open.ts'
import { liveness } from '../../src/libp2p/liveness.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import { yamux } from '../../src/libp2p/yamux.ts'

/** How a peer is connected. */
export type Way = 'tcp' | 'quic'

/** The first message to whoever has started it. */
export interface Ready {
  /** Of the HTTP API. */
  readonly origin: string
  readonly addresses: Readonly<Record<Way, string>>
}

/** The answer to any message. */
export interface Heap {
  readonly heap: number
}

const HOST = '127.0.0.1'
const SETTLE_MS = 2_000
const ANY: AllowanceInit = { burst: 1e9, refillMs: 1, maxKeys: 1_000_000 }

const privateKey = await generateKeyPair('Ed25519')
const hub = peerIdFromPrivateKey(privateKey).toString()
const reservations = new Events<ReservationEvents>()
const access = accessOf()
const records = startRegistry({
  store: await openStore(process.argv[2], '.'),
  hub,
  reservations,
  limits: {
    lookups: ANY,
    sources: ANY,
    anonymous: ANY,
    firsts: ANY,
    unheld: ANY,
    registrations: ANY,
    maxChecks: 1_024,
    maxWatchesFrom: 1_000_000
  }
})
const limits = { requests: ANY, maxConnectionsFrom: 1_024, requestsPerConnection: 0 }
const http = await startHttpServer({ hosts: [HOST], port: 0, limits })
const port = await freePort(HOST)
const node = await createLibp2p({
  privateKey,
  addresses: { listen: [`/ip4/${HOST}/udp/${port}/quic-v1`, `/ip4/${HOST}/tcp/${port}`] },
  transports: [quic(), tcp(), http.transport],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionMonitor: { enabled: false },
  connectionManager: { maxConnections: 20_000, inboundConnectionThreshold: 10_000 },
  services: {
    identify: identify(),
    identifyPush: identifyPush(),
    liveness: liveness(),
    relay: relayService({ access, limits: { maxReservationsFrom: 10_000 }, events: reservations }),
    rendezvous: rendezvousService({ records, access })
  }
})
const addrs = node.getMultiaddrs().map(String)
await http.serve({ records, access, hub: () => ({ id: hub, addrs }) })

process.on('message', async () => {
  globalThis.gc?.()
  // what is freed by then has been given back
  await delay(SETTLE_MS)
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({ heap: heapUsed + external } satisfies Heap)
})
process.once('disconnect', () => process.exit())
process.send?.({
  origin: `http://${HOST}:${http.port}`,
  addresses: {
    tcp: addrs.find(each => each.includes('/tcp/'))!,
    quic: addrs.find(each => each.includes('/quic-v1'))!
  }
} satisfies Ready)
