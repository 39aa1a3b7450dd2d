import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Connection, Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeFrame, Frames } from '../../../src/libp2p/frames.ts'
import { DCUTR_PROTOCOL, type HolePunch, holePunchCodec } from '../../../src/wire/dcutr.ts'
import { type BarePeer, limited, type TestPeer, until } from './fixture.ts'

// What a peer that speaks DCUtR by hand, or badly, needs.

export function message(type: HolePunch['type'], addresses: readonly string[] = [], prompt?: boolean): Uint8Array {
  const observedAddresses = addresses.map(text => multiaddr(text).bytes)
  return framed(holePunchCodec.encode({ type, observedAddresses, ...(prompt == null ? {} : { prompt }) }))
}

export const connect = (...addresses: string[]): Uint8Array => message('CONNECT', addresses)

/** A body behind its length, whatever that is: the lengths that nobody should accept take a third byte. */
export function framed(body: Uint8Array): Uint8Array {
  const { length } = body
  if (length < 16_384) return encodeFrame(body)
  return Buffer.concat([Uint8Array.of((length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14), body])
}

export const framesOf = (stream: Stream) => new Frames(stream, holePunchCodec, 'DCUtR')

/** Opens a DCUtR stream over the relayed connection that the peer has made to the stranger. */
export async function begin(stranger: BarePeer, { node }: TestPeer): Promise<Stream> {
  return await stranger.getConnections(node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
}

export async function stillWorks(relayed: Connection): Promise<void> {
  assert.equal(relayed.status, 'open')
  const stream = await relayed.newStream('/ipfs/id/1.0.0', limited)
  assert.ok((await byteStream(stream).read())!.byteLength > 0, 'nobody answers over the relay')
  stream.abort(new Error('that was enough'))
}

export const firstAttempt = (peer: TestPeer) => until('an attempt', () => peer.attempts.length > 0)

/** A host that has nothing to do with any of this, and counts what it gets. */
export interface Bystander extends AsyncDisposable {
  /** Its address, under any port of its own. */
  readonly addresses: readonly string[]
  /** Opening packets and others. */
  readonly heard: { openings: number; handshakes: number }
}

export async function bystander(host: string, ports = 1): Promise<Bystander> {
  const heard = { openings: 0, handshakes: 0 }
  const sockets = await Promise.all(
    Array.from({ length: ports }, async () => {
      const socket = createSocket('udp4').unref()
      socket.on('message', ({ length }) => heard[length <= 20 ? 'openings' : 'handshakes']++)
      socket.bind(0, host)
      await once(socket, 'listening')
      return socket
    })
  )
  return {
    addresses: sockets.map(socket => `/ip4/${host}/udp/${socket.address().port}/quic-v1`),
    heard,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.close()
    }
  }
}
