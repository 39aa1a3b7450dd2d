import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import {
  type AutonatMessage,
  autonatCodec,
  DIAL_DATA,
  DIAL_REQUEST_PROTOCOL,
  type DialDataRequest,
  type DialResponse,
  MAX_AUTONAT_BYTES
} from '../../wire/autonat.ts'
import { Frames } from '../frames.ts'
import type { Verdict } from './checks.ts'
import type { Expected } from './dial-backs.ts'

/** 100,000 bytes up a slow line, the server's random delay, its dial, and its dial-back. */
const ASK_MS = 60_000
/** The nonce comes by another connection than the answer, and may be the later of the two. */
const NONCE_MS = 2_000

/**
 * Asks a server about one address.
 *
 * @throws what the stream throws; NatError MALFORMED, LIMIT when the server wants to be paid too much, TIMEOUT
 */
export async function ask(
  server: Connection,
  address: Multiaddr,
  { nonce, arrived }: Expected,
  clock: Clock,
  signal: AbortSignal
): Promise<Verdict> {
  const response = await withDeadline(clock, ASK_MS, `an answer about ${address}`, signal, async limit => {
    const stream = await server.newStream(DIAL_REQUEST_PROTOCOL, { signal: limit })
    try {
      const frames = new Frames(stream, autonatCodec, 'AutoNAT', MAX_AUTONAT_BYTES)
      frames.send({ dialRequest: { addrs: [address.bytes], nonce } })
      const response = await answer(frames, limit)
      void stream.close().catch(error => stream.abort(error))
      return response
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  })
  // the only address that it was asked about has index 0
  if (response.status !== 'OK' || (response.addrIdx ?? 0) !== 0) return 'unknown'
  if (response.dialStatus === 'E_DIAL_ERROR') return 'unreachable'
  if (response.dialStatus !== 'OK') return 'unknown'
  // without the nonce it is a claim
  await withDeadline(clock, NONCE_MS, 'the nonce', signal, () => arrived)
  return 'reachable'
}

async function answer(frames: Frames<AutonatMessage>, signal: AbortSignal): Promise<DialResponse> {
  let message = await frames.read(signal)
  if (message.dialDataRequest != null) {
    await pay(frames, message.dialDataRequest, signal)
    message = await frames.read(signal)
  }
  if (message.dialResponse == null) throw new NatError('MALFORMED', 'AutoNAT: something else came than an answer')
  return message.dialResponse
}

/** The address is not of the host that the server sees, and it wants to be sure that the dial is worth something to us. */
async function pay(
  frames: Frames<AutonatMessage>,
  { numBytes = 0n }: DialDataRequest,
  signal: AbortSignal
): Promise<void> {
  if (numBytes > DIAL_DATA.maxBytes) {
    throw new NatError('LIMIT', `an AutoNAT server wants ${numBytes} bytes for a dial: that is too much`)
  }
  const piece: AutonatMessage = { dialDataResponse: { data: new Uint8Array(DIAL_DATA.pieceBytes) } }
  for (let sent = 0; sent < numBytes; sent += DIAL_DATA.pieceBytes) {
    frames.send(piece)
    if (frames.stream.writableNeedsDrain) await frames.stream.onDrain({ signal })
  }
}
