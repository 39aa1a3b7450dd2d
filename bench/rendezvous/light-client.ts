import { noise } from '@chainsafe/libp2p-noise'
import { quic } from '@chainsafe/libp2p-quic'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { realClock } from '../../src/core/clock.ts'
import { secureRandom } from '../../src/core/random.ts'
import { openHop } from '../../src/libp2p/circuit/hop.ts'
import { reserve } from '../../src/libp2p/circuit/reserve.ts'
import { Frames } from '../../src/libp2p/frames.ts'
import { PingStream } from '../../src/libp2p/ping-stream.ts'
import { yamux } from '../../src/libp2p/yamux.ts'
import { hopCodec, STOP_PROTOCOL, stopCodec } from '../../src/wire/circuit.ts'
import { RENDEZVOUS_PROTOCOL } from '../../src/wire/rendezvous.ts'
import type { Signer } from './records.ts'
import { RendezvousStream } from './rendezvous-stream.ts'

const ANSWER_MS = 30_000
/** What a connect sends over its circuit each way, in packets of QUIC, until it has a direct path (the figure `connects`). */
const CIRCUIT_PACKETS = 8
const CIRCUIT_BYTES = CIRCUIT_PACKETS * 700

/** A peer that has a connection to a hub, and asks what a node asks; nothing else. */
export class LightClient {
  readonly signer: Signer
  readonly rendezvous: RendezvousStream
  readonly #node: Libp2p
  readonly #connection: Connection
  readonly #pings: PingStream
  readonly #stopping = new AbortController()

  private constructor(signer: Signer, node: Libp2p, connection: Connection, rendezvous: RendezvousStream) {
    this.signer = signer
    this.rendezvous = rendezvous
    this.#node = node
    this.#connection = connection
    this.#pings = new PingStream(connection, { clock: realClock, random: secureRandom })
  }

  static async connect(signer: Signer, hub: string): Promise<LightClient> {
    const node = await lightNode(signer.key)
    await node.handle(STOP_PROTOCOL, echoCircuit, { maxInboundStreams: 1_024 })
    const connection = await node.dial(multiaddr(hub))
    const stream = await connection.newStream(RENDEZVOUS_PROTOCOL)
    return new LightClient(signer, node, connection, new RendezvousStream(stream))
  }

  async ping(): Promise<void> {
    if (!(await this.#pings.answers(ANSWER_MS, this.#signal()))) throw new Error('the hub answers no ping')
  }

  async reserve(): Promise<void> {
    await reserve(this.#connection, () => undefined, this.#signal())
  }

  /** Has the hub join it to a peer with a reservation there, exchanges what a connect does, and hangs up. */
  async circuit(to: Signer): Promise<void> {
    const signal = this.#signal()
    const { frames, status } = await this.#connect(to, signal)
    if (status !== 'OK') throw new Error(`the hub answers a CONNECT by ${status}`)
    const { stream } = frames
    const bytes = byteStream(frames.unwrap())
    const packet = new Uint8Array(CIRCUIT_BYTES / CIRCUIT_PACKETS)
    for (let i = 0; i < CIRCUIT_PACKETS; i++) {
      await bytes.write(packet, { signal })
      await bytes.read({ bytes: packet.length, signal })
    }
    await stream.close({ signal })
  }

  /** The same, to a peer that is not at that hub. */
  async refusedCircuit(to: Signer): Promise<void> {
    const { frames, status } = await this.#connect(to, this.#signal())
    if (status !== 'NO_RESERVATION') throw new Error(`the hub answers a CONNECT by ${status}`)
    await frames.stream.close()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#node.stop()
  }

  async #connect({ multihash }: Signer, signal: AbortSignal) {
    const frames = new Frames(await openHop(this.#connection, { signal }), hopCodec, 'circuit hop')
    frames.send({ type: 'CONNECT', peer: { id: multihash, addrs: [] } })
    const { status } = await frames.read(signal)
    return { frames, status }
  }

  #signal(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(ANSWER_MS), this.#stopping.signal])
  }
}

/** It listens nowhere, and answers what a hub asks of every peer. */
export async function lightNode(privateKey: PrivateKey): Promise<Libp2p> {
  return await createLibp2p({
    privateKey,
    transports: [tcp(), quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ping: ping() }
  })
}

async function echoCircuit(stream: Stream): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  try {
    const frames = new Frames(stream, stopCodec, 'circuit stop')
    await frames.read(signal)
    frames.send({ type: 'STATUS', status: 'OK' })
    const bytes = byteStream(frames.unwrap())
    for (let left = CIRCUIT_BYTES; left > 0; ) {
      const data = await bytes.read({ signal })
      if (data == null) break
      left -= data.byteLength
      await bytes.write(data, { signal })
    }
    await stream.close({ signal })
  } catch (error) {
    stream.abort(error as Error)
  }
}
