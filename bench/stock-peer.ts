// js-libp2p as its documentation builds it, in the roles of our command line: what ours is compared to. Lines as theirs.
import { noise } from '@chainsafe/libp2p-noise'
import { quic } from '@chainsafe/libp2p-quic'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Command } from 'commander'
import { createLibp2p, type Libp2pOptions } from 'libp2p'

const PING = '/bench/ping/1.0.0'
const PING_BYTES = 32
/** For one that is there, through any lab. */
const CONNECT_MS = 15_000

const program = new Command('stock-peer')
program.command('hub').argument('<ip>', 'to listen on').action(hub)
program.command('up').argument('<hub>', 'address of a relay').action(up)
program.command('ping').argument('<peer>').argument('<hub>', 'address of the relay that it is at').action(ping)
await program.parseAsync()

/** No option that is not needed to get across: what a program gets that says nothing else. */
function options() {
  return {
    transports: [quic(), tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // loopback, and the lab's addresses, are there to be dialled
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() }
  } satisfies Libp2pOptions
}

async function hub(ip: string): Promise<void> {
  const port = 5001
  const addresses = [`/ip4/${ip}/udp/${port}/quic-v1`, `/ip4/${ip}/tcp/${port}`]
  const node = await createLibp2p({
    ...options(),
    addresses: { listen: addresses, announce: addresses },
    services: { identify: identify(), relay: circuitRelayServer() }
  })
  print({ event: 'ready', id: node.peerId.toString(), addrs: node.getMultiaddrs().map(String) })
}

async function up(relay: string): Promise<void> {
  const listen = ['/ip4/0.0.0.0/udp/0/quic-v1', '/ip4/0.0.0.0/tcp/0', `${relay}/p2p-circuit`]
  const node = await createLibp2p({ ...options(), addresses: { listen } })
  await node.handle(PING, stream => stream.addEventListener('message', ({ data }) => stream.send(data)), {
    runOnLimitedConnection: true
  })
  const reserved = (address: Multiaddr) => address.toString().includes('/p2p-circuit')
  const tell = () => {
    if (!node.getMultiaddrs().some(reserved)) return
    node.removeEventListener('self:peer:update', tell)
    print({ event: 'ready', id: node.peerId.toString(), addrs: node.getMultiaddrs().map(String) })
  }
  node.addEventListener('self:peer:update', tell)
  tell()
}

/** Connected to the relay already, as ours is: the time is from the dial to the first echo. */
async function ping(peer: string, relay: string): Promise<void> {
  const node = await createLibp2p(options())
  await node.dial(multiaddr(relay))
  const signal = AbortSignal.timeout(CONNECT_MS)
  const startMs = performance.now()
  const connection = await node.dial(multiaddr(`${relay}/p2p-circuit/p2p/${peer}`), { signal })
  const stream = await connection.newStream(PING, { runOnLimitedConnection: true, signal })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  stream.addEventListener('message', () => resolve(), { once: true })
  stream.addEventListener('close', () => reject(new Error('the stream closed')), { once: true })
  stream.send(new Uint8Array(PING_BYTES))
  await promise
  const msFirstByte = performance.now() - startMs
  const direct = node.getConnections().some(each => each.remotePeer.toString() === peer && each.limits == null)
  print({ event: 'summary', connected: true, direct, msFirstByte, msDirect: null, attempts: [] })
  await node.stop()
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
