/**
 * One end of a QUIC connection that begins over a pipe, a socket of the file system here, and goes on over UDP: half of the bytes by
 * each. Who dials sends, and tells when the system has refused to; who listens tells how many bytes arrived, and how many datagrams by UDP.
 */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { loadEngine } from '../../src/libp2p/quic/engine.ts'
import { withLargeBuffer } from '../../src/libp2p/quic/engine-buffers.ts'
import { QUIC_DEFAULTS } from '../../src/libp2p/quic/index.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'

const PORT = 4001
const LOOK_EVERY_MS = 50
const BLOCKS = 100
const BLOCK_BYTES = 16 * 1024
/** The engine's packets have 1,200 bytes, headers and all. */
const HALF_DATAGRAMS = Math.ceil((BLOCKS * BLOCK_BYTES) / 2 / 1_200)

const [role, file, address, kind] = process.argv.slice(2) as ['dial' | 'listen', string, string, PlaneKind]
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

const packetSwitch = await PacketSwitch.open(kind)
const { socket } = await packetSwitch.bind('0.0.0.0', PORT)
const direct = { kind: 'udp', socket, remote: { address, port: PORT } } as const
const engine = loadEngine()
const privateKeyProto = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
const config = new engine.QuinnConfig({ ...QUIC_DEFAULTS, privateKeyProto })
const carrier = role === 'dial' ? await dial() : await listen()
const pipe = packetSwitch.newPipe()
packetSwitch.events.on('pipe', ({ bytes }) => carrier.write(bytes))
if (role === 'dial') await send()
else await receive()
process.exit()

async function dial(): Promise<Socket> {
  const opened = createConnection(file)
  await once(opened, 'connect')
  return opened
}

async function listen(): Promise<Socket> {
  const server = createServer().listen(file)
  await once(server, 'listening')
  tell({ event: 'ready' })
  const [accepted] = await once(server, 'connection')
  server.close()
  return accepted
}

async function send(): Promise<void> {
  const client = withLargeBuffer(() => new engine.Client(config, 0))
  const { flow, loopbackPort } = await packetSwitch.dial({ kind: 'pipe', pipe })
  carrier.on('data', bytes => packetSwitch.fromPipe(pipe, bytes))
  const connection = await client.outboundConnection('127.0.0.1', loopbackPort)
  const stream = await connection.outboundStream()
  const timer = setInterval(async () => {
    const { droppedSend } = await packetSwitch.stats()
    if (droppedSend === 0) return
    clearInterval(timer)
    tell({ event: 'refused' })
  }, LOOK_EVERY_MS)
  for (let i = 0; i < BLOCKS; i++) {
    if (i === BLOCKS / 2) tell({ event: 'moved', done: await packetSwitch.move(flow, direct) })
    await stream.write(new Uint8Array(BLOCK_BYTES))
  }
  await stream.finishWrite()
  await connection.closed().catch(() => {})
}

async function receive(): Promise<void> {
  const server = withLargeBuffer(() => new engine.Server(config, '127.0.0.1', 0))
  const { flow } = await packetSwitch.serve(pipe, server.port())
  await packetSwitch.admit(flow, direct)
  packetSwitch.watch(flow, true)
  let datagrams = 0
  const half = new Promise<void>(resolve =>
    packetSwitch.events.on('traffic', ({ heard }) => {
      for (const { path, count } of heard) if (path.kind === 'udp') datagrams += count
      if (datagrams >= HALF_DATAGRAMS) resolve()
    })
  )
  carrier.on('data', bytes => packetSwitch.fromPipe(pipe, bytes))
  const connection = await server.inboundConnection()
  const stream = await connection.inboundStream()
  let bytes = 0
  for (let chunk = await stream.read(65_536); chunk != null; chunk = await stream.read(65_536)) bytes += chunk.length
  await half
  tell({ event: 'received', whole: bytes === BLOCKS * BLOCK_BYTES, datagrams })
  connection.abort()
}
