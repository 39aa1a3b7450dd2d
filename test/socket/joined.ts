import type { TestContext } from 'node:test'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { quicEndpoint } from '../../src/libp2p/quic/address.ts'
import { type EngineConfig, loadEngine } from '../../src/libp2p/quic/engine.ts'
import { withLargeBuffer } from '../../src/libp2p/quic/engine-buffers.ts'
import { QUIC_DEFAULTS } from '../../src/libp2p/quic/index.ts'
import type { Path } from '../../src/socket/path.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'

/** One switch of two, with a public socket. */
export interface Side {
  readonly packetSwitch: PacketSwitch
  readonly socket: number
  readonly port: number
}

/** What happens to the bytes of a stream between two pipes. */
export type Carry = (bytes: Uint8Array, arrive: (bytes: Uint8Array) => void) => void

export async function openSide(t: Pick<TestContext, 'after'>, kind: PlaneKind, host = '127.0.0.1'): Promise<Side> {
  const packetSwitch = await PacketSwitch.open(kind)
  t.after(() => packetSwitch.close())
  const bound = await packetSwitch.bind(host, 0)
  return { packetSwitch, ...bound }
}

/** A stream between two switches: a pipe of each. */
export function join(one: Side, other: Side, carry: Carry = (bytes, arrive) => arrive(bytes)): [number, number] {
  const pipes = [one.packetSwitch.newPipe(), other.packetSwitch.newPipe()] as const
  for (const [from, to, pipe, far] of [
    [one, other, ...pipes],
    [other, one, pipes[1], pipes[0]]
  ] as const) {
    from.packetSwitch.events.on('pipe', event => {
      if (event.pipe === pipe) carry(event.bytes, bytes => to.packetSwitch.fromPipe(far, bytes))
    })
  }
  return [...pipes]
}

export const pathTo = (from: Side, to: Side): Path => ({
  kind: 'udp',
  socket: from.socket,
  remote: { address: '127.0.0.1', port: to.port }
})

/** A QUIC connection between two switches that begins over a pipe. */
export async function connectOver(
  t: Pick<TestContext, 'after'>,
  dialler: Side,
  listener: Side,
  pipes: [number, number]
) {
  const engine = loadEngine()
  const config = async () => {
    const privateKeyProto = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
    return new engine.QuinnConfig({ ...QUIC_DEFAULTS, privateKeyProto } satisfies EngineConfig)
  }
  const [ours, theirs] = [await config(), await config()]
  const server = withLargeBuffer(() => new engine.Server(theirs, '127.0.0.1', 0))
  const client = withLargeBuffer(() => new engine.Client(ours, 0))
  t.after(() => client.abort())
  t.after(() => void server.abort())
  const [dialled, served] = await Promise.all([
    dialler.packetSwitch.dial({ kind: 'pipe', pipe: pipes[0] }),
    listener.packetSwitch.serve(pipes[1], server.port())
  ])
  const [outbound, inbound] = await Promise.all([
    client.outboundConnection('127.0.0.1', dialled.loopbackPort),
    server.inboundConnection()
  ])
  const port = quicEndpoint(multiaddr(inbound.remoteMultiaddr())).port
  const accepted = await listener.packetSwitch.accept(port)
  return { client, server, outbound, inbound, dialled, served, accepted }
}
