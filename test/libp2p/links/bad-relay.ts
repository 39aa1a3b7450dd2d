import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import { peerOf } from '../../../src/libp2p/circuit/stop.ts'
import { Frames } from '../../../src/libp2p/frames.ts'
import { multistreamLines } from '../../../src/libp2p/optimistic.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { HOP_PROTOCOL, hopCodec, STOP_PROTOCOL, stopCodec } from '../../../src/wire/circuit.ts'
import { DatagramReader, frame } from '../../../src/wire/datagrams.ts'
import { LINK_PROTOCOL } from '../../../src/wire/link.ts'
import type { AtHub } from './bare.ts'

/**
 * What a relay does to a link's frames, each way by itself.
 *
 * @param number 0 is the hello
 * @returns what leaves in its place, behind a length each; bytes in an array of their own leave without one
 */
export type Mischief = (datagram: Uint8Array, number: number) => readonly (Uint8Array | { readonly raw: Uint8Array })[]

/** A relay that knows what it carries, and does not carry it as it should. */
export class BadRelay implements AtHub, AsyncDisposable {
  mischief: Mischief = datagram => [datagram]
  readonly #libp2p: Libp2p

  private constructor(libp2p: Libp2p) {
    this.#libp2p = libp2p
  }

  static async open(): Promise<BadRelay> {
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
      transports: [quic()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      services: { identify: identify() }
    })
    const relay = new BadRelay(libp2p)
    await libp2p.handle(HOP_PROTOCOL, (stream, { remotePeer }) =>
      relay.#onHop(stream, remotePeer.toMultihash().bytes).catch(error => stream.abort(error))
    )
    return relay
  }

  get addrs(): readonly string[] {
    return this.#libp2p.getMultiaddrs().map(String)
  }

  /** Brings a peer a stream in the name of another one, on which these bytes come behind the protocol's name. */
  async bring(to: PeerId, from: PeerId, ...frames: readonly Uint8Array[]): Promise<Stream> {
    const [connection] = this.#libp2p.getConnections(to)
    const stream = await connection!.newStream(STOP_PROTOCOL, { maxOutboundStreams: 1_000 })
    const stop = new Frames(stream, stopCodec, 'stop')
    stop.send({ type: 'CONNECT', peer: { id: from.toMultihash().bytes, addrs: [] } })
    await stop.read(AbortSignal.timeout(5_000))
    const onward = stop.unwrap()
    onward.send(Buffer.concat([multistreamLines(LINK_PROTOCOL), ...frames]))
    // whoever does not listen does not hear of the end
    onward.addEventListener('message', () => {})
    return onward
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#libp2p.stop()
  }

  async #onHop(stream: Stream, from: Uint8Array): Promise<void> {
    const signal = AbortSignal.timeout(5_000)
    const hop = new Frames(stream, hopCodec, 'hop')
    const { type, peer } = await hop.read(signal)
    if (type === 'RESERVE') {
      const expire = Math.floor(Date.now() / 1_000) + 3_600
      const addrs = this.#libp2p.getMultiaddrs().map(({ bytes }) => bytes)
      hop.send({ type: 'STATUS', status: 'OK', reservation: { expire, addrs } })
      await stream.close()
      return
    }
    const onward = await this.#libp2p.getConnections(peerOf(peer))[0]!.newStream(STOP_PROTOCOL, { signal })
    const stop = new Frames(onward, stopCodec, 'stop')
    stop.send({ type: 'CONNECT', peer: { id: from, addrs: [] } })
    await stop.read(signal)
    hop.send({ type: 'STATUS', status: 'OK' })
    const [near, far] = [hop.unwrap(), stop.unwrap()]
    this.#carry(near, far)
    this.#carry(far, near)
  }

  #carry(from: Stream, to: Stream): void {
    const lines = multistreamLines(LINK_PROTOCOL).length
    const reader = new DatagramReader()
    let passed = 0
    let number = 0
    const write = (bytes: Uint8Array) => {
      if (to.status === 'open' && to.writeStatus === 'writable') to.send(bytes)
    }
    from.addEventListener('message', ({ data }) => {
      const bytes = data.subarray()
      const head = bytes.subarray(0, Math.max(0, lines - passed))
      passed += bytes.length
      if (head.length > 0) write(head)
      try {
        for (const datagram of reader.push(bytes.subarray(head.length))) {
          for (const each of this.mischief(datagram, number++)) write('raw' in each ? each.raw : frame(each))
        }
      } catch (error) {
        // no link, but what is tried in its place
        from.abort(error as Error)
      }
    })
    from.addEventListener('end', () => to.abort(new Error('the other end is gone')))
    from.addEventListener('close', () => to.abort(new Error('the other end is gone')))
  }
}
