// One of the two processes of a measurement, driven over the IPC channel. It ends when its parent does.
import { once } from 'node:events'
import type { Connection, Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { Uint8ArrayList } from 'uint8arraylist'
import { libp2pOptions } from './contenders.ts'

export type PeerRequest =
  | { readonly ask: 'send'; readonly to: string; readonly bytes: number }
  | { readonly ask: 'echo'; readonly to: string; readonly count: number }
  /** The CPU time that this process has used so far, and what it received since it was asked last. */
  | { readonly ask: 'usage' }

export type PeerReply =
  | { readonly ready: string }
  | { readonly sent: number }
  | { readonly roundTripsMicros: readonly number[] }
  | { readonly cpuMicros: number; readonly receivedBytes: number; readonly receivingMs: number }
  | { readonly failed: string }

const SINK = '/bench/sink/1.0.0'
const ECHO = '/bench/echo/1.0.0'
const HEAD_BYTES = 8
const WRITE_BYTES = 64 * 1024
const ECHO_BYTES = 32
/** Echoes before the ones that count. */
const WARM_UP = 20

const [, , contender = '', relay] = process.argv
const node = await createLibp2p({
  ...libp2pOptions(contender, relay),
  connectionGater: { denyDialMultiaddr: () => false },
  // by default a sixth connection within a second is refused, and short runs make more
  connectionMonitor: { enabled: false },
  connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY }
})
const received = { bytes: 0, firstMs: 0, lastMs: 0 }

await node.handle(SINK, receive)
await node.handle(ECHO, echo)
process.on('message', (request: PeerRequest) => {
  answer(request).then(reply, error => reply({ failed: String(error) }))
})
process.on('disconnect', () => process.exit())
// a reservation at a relay comes after the start
while (node.getMultiaddrs().length === 0) await once(node, 'self:peer:update')
reply({ ready: String(node.getMultiaddrs()[0]) })

function reply(message: PeerReply): void {
  process.send?.(message)
}

async function answer(request: PeerRequest): Promise<PeerReply> {
  switch (request.ask) {
    case 'send':
      return overConnection(request.to, async connection => ({ sent: await send(connection, request.bytes) }))
    case 'echo':
      return overConnection(request.to, async connection => ({
        roundTripsMicros: await roundTrips(connection, request.count)
      }))
    case 'usage':
      return usage()
  }
}

async function overConnection<T>(to: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await node.dial(multiaddr(to))
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

/** All threads of the process are in it: the engine's, the switch's, and the compiler's. */
function usage(): PeerReply {
  const { user, system } = process.cpuUsage()
  const { bytes, firstMs, lastMs } = received
  Object.assign(received, { bytes: 0, firstMs: 0, lastMs: 0 })
  return { cpuMicros: user + system, receivedBytes: bytes, receivingMs: lastMs - firstMs }
}

/** Sends the number of bytes, then as many, and waits until the other side has counted them. */
async function send(connection: Connection, bytes: number): Promise<number> {
  const stream = await connection.newStream(SINK)
  const acknowledged = new Promise<void>((resolve, reject) => {
    stream.addEventListener('message', () => resolve(), { once: true })
    stream.addEventListener('close', () => reject(new Error('the stream closed early')), { once: true })
  })
  const length = new Uint8Array(HEAD_BYTES)
  new DataView(length.buffer).setFloat64(0, bytes)
  stream.send(length)
  const chunk = new Uint8Array(WRITE_BYTES)
  for (let left = bytes; left > 0; left -= chunk.length) {
    if (!stream.send(left >= chunk.length ? chunk : chunk.subarray(0, left))) await drained(stream)
  }
  await acknowledged
  await stream.close()
  return bytes
}

/** `stream.onDrain()` of @libp2p/utils 7.4 waits the first time only. */
function drained(stream: Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      stream.removeEventListener('close', onClose)
      resolve()
    }
    const onClose = () => reject(new Error('the stream closed early'))
    stream.addEventListener('drain', onDrain, { once: true })
    stream.addEventListener('close', onClose, { once: true })
  })
}

/** The first eight bytes tell how many follow. */
async function receive(stream: Stream): Promise<void> {
  const head = new Uint8ArrayList()
  let wanted: number | undefined
  stream.addEventListener('message', ({ data }) => {
    if (wanted == null) {
      head.append(data)
      if (head.byteLength < HEAD_BYTES) return
      wanted = head.getFloat64(0)
      Object.assign(received, { bytes: head.byteLength - HEAD_BYTES, firstMs: performance.now(), lastMs: 0 })
    } else received.bytes += data.byteLength
    if (received.bytes !== wanted) return
    received.lastMs = performance.now()
    stream.send(Uint8Array.of(1))
    closeQuietly(stream)
  })
}

async function echo(stream: Stream): Promise<void> {
  stream.addEventListener('message', ({ data }) => stream.send(data))
  stream.addEventListener('remoteCloseWrite', () => closeQuietly(stream))
}

async function roundTrips(connection: Connection, count: number): Promise<number[]> {
  const stream = await connection.newStream(ECHO)
  const bytes = byteStream(stream)
  const payload = new Uint8Array(ECHO_BYTES)
  const micros: number[] = []
  for (let i = 0; i < count + WARM_UP; i++) {
    const startMs = performance.now()
    await bytes.write(payload)
    await bytes.read({ bytes: ECHO_BYTES })
    if (i >= WARM_UP) micros.push((performance.now() - startMs) * 1000)
  }
  await stream.close()
  return micros
}

/** The dialer closes the connection when it has what it wants, which may be before the stream has ended. */
function closeQuietly(stream: Stream): void {
  stream.close().catch(() => {})
}
