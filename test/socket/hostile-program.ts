// One honest peer, and an attacker that sees its packets: sends the peer's stream to a node through a wire of its own, and
// meanwhile floods that node's port from the wire's address and from hundreds of ports of another host.
import { createHash, randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { quic } from '../../src/libp2p/quic/index.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { HOSTILE_PROTOCOL, PACKETS, PACKETS_PER_MS, WARM_PACKETS } from './hostile.ts'
import { forgedInitial, initial, short, stun } from './packets.ts'

/** More than the unproved addresses and the handshakes that a switch takes. */
const ATTACKERS = 700
const HONEST_HOST = '127.0.0.1'
const HOSTILE_HOST = '127.0.0.2'
/** What a stalled machine has missed is not made up for: the wire would wait meanwhile, and with it the honest peer. */
const MOST_AT_ONCE = 500
/** How long a newcomer may take who has to wait for room. */
const JOIN_MS = 5_000
/** Some 3 MB/s, so that the stream lasts as long as the attack. */
const CHUNK_BYTES = 16 * 1024
const CHUNK_EVERY_MS = 5
const SEEN = 256

const [plane, port, peerId, packets = `${PACKETS}`, kind] = process.argv.slice(2) as [
  PlaneKind,
  string,
  string,
  string?,
  string?
]
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

async function open(host: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 })
  socket.bind(0, host)
  await once(socket, 'listening')
  return socket
}

/** The peer's own packets, as they passed. */
const seen: Buffer[] = []
const wire = await open(HONEST_HOST)
let honestPort = 0
wire.on('message', (bytes, from) => {
  if (from.port === Number(port)) {
    if (honestPort !== 0) wire.send(bytes, honestPort, HONEST_HOST)
    return
  }
  honestPort = from.port
  // the first of them are the Initials
  if (seen.length < SEEN) seen.push(bytes)
  else seen[4 + Math.floor(Math.random() * (SEEN - 4))] = bytes
  wire.send(bytes, Number(port), HONEST_HOST)
})

const below = (limit: number) => Math.floor(Math.random() * limit)
const replayed = () => seen[below(seen.length)] ?? Buffer.alloc(1)
const changed = () => {
  const bytes = Buffer.from(replayed())
  bytes[below(bytes.length)]! ^= 1 << below(8)
  return bytes
}
const ATTACKS: Readonly<Record<string, () => Buffer>> = {
  garbage: () => randomBytes(below(1_400)),
  short: () => short(randomBytes(8).toString('hex'), { greased: below(2) === 0, bytes: 40 + below(1_000) }),
  initial: () => initial({ to: randomBytes(8).toString('hex'), from: randomBytes(8).toString('hex') }),
  'forged-initial': forgedInitial,
  'cut-initial': () => initial({ bytes: 20 + below(1_180), version: below(3) }),
  stun,
  'cut-stun': () => stun().subarray(0, below(28)),
  replayed: () => replayed(),
  cut: () => replayed().subarray(0, below(1_200)),
  changed
}

async function attack(attackers: readonly Socket[], onWarm: () => void): Promise<void> {
  const attacks = kind == null ? Object.values(ATTACKS) : [ATTACKS[kind]!]
  const count = Number(packets)
  let lastMs = performance.now()
  let warm = false
  for (let sent = 0; sent < count; ) {
    const nowMs = performance.now()
    const due = Math.min(count - sent, Math.floor((nowMs - lastMs) * PACKETS_PER_MS), MOST_AT_ONCE)
    lastMs = nowMs
    for (const end = sent + due; sent < end; sent++) {
      const bytes = attacks[sent % attacks.length]!()
      const from = below(3) === 0 ? wire : attackers[sent % attackers.length]!
      from.send(bytes, Number(port), HONEST_HOST)
    }
    tell({ event: 'sent', packets: sent })
    if (!warm && sent >= Math.min(WARM_PACKETS, count)) {
      warm = true
      onWarm()
    }
    await delay(5)
  }
}

async function carry(stream: Stream, until: AbortSignal): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  while (!until.aborted) {
    const chunk = randomBytes(CHUNK_BYTES)
    hash.update(chunk)
    bytes += chunk.length
    if (!stream.send(chunk)) await stream.onDrain()
    await delay(CHUNK_EVERY_MS)
  }
  await stream.close()
  return { bytes, sha256: hash.digest('hex') }
}

const attackers: Socket[] = []
for (let i = 0; i < ATTACKERS; i++) attackers.push(await open(HOSTILE_HOST))
const node = await createLibp2p({ transports: [quic({ plane })], connectionMonitor: { enabled: false } })
const connection = await node.dial(multiaddr(`/ip4/127.0.0.1/udp/${wire.address().port}/quic-v1/p2p/${peerId}`))
const stream = await connection.newStream(HOSTILE_PROTOCOL)
const over = new AbortController()
const carried = carry(stream, over.signal)
const address = multiaddr(`/ip4/${HONEST_HOST}/udp/${port}/quic-v1/p2p/${peerId}`)
const joined = Promise.withResolvers<void>()
await attack(attackers, () => {
  // past the wire, as somebody whom the node does not know yet
  const dialled = node.dial(address, { force: true, signal: AbortSignal.timeout(JOIN_MS) })
  dialled.then(() => joined.resolve(), joined.reject)
})
await joined.promise
over.abort()
tell({ event: 'done', ...(await carried) })
await once(process.stdin.resume(), 'end')
await node.stop()
for (const socket of [wire, ...attackers]) socket.close()
