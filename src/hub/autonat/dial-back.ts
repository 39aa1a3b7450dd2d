import type { Connection, Stream } from '@libp2p/interface'
import { type Clock, sleep } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { encodeFrame, Frames } from '../../libp2p/frames.ts'
import {
  type AutonatMessage,
  DIAL_BACK_PROTOCOL,
  DIAL_DATA,
  type DialStatus,
  dialBackCodec,
  dialBackResponseCodec,
  MAX_AUTONAT_BYTES
} from '../../wire/autonat.ts'
import type { Choice } from './choose.ts'
import type { Dialer } from './dialer.ts'
import { AUTONAT_LIMITS } from './limits.ts'

export interface Tools {
  readonly clock: Clock
  readonly random: Random
}

/**
 * Lets the peer pay for the dial of a host other than its own: more bytes than the handshake costs that host, so that
 * nobody gains by making us dial a victim.
 *
 * @throws NatError MALFORMED, LIMIT, TIMEOUT; what the stream throws when the peer declines
 */
export async function collectDialData(
  frames: Frames<AutonatMessage>,
  addrIdx: number,
  { clock, random }: Tools,
  signal: AbortSignal
): Promise<void> {
  const numBytes = random.int(DIAL_DATA.minBytes, DIAL_DATA.maxBytes)
  frames.send({ dialDataRequest: { addrIdx, numBytes: BigInt(numBytes) } })
  await withDeadline(clock, AUTONAT_LIMITS.dataMs, 'dial data', signal, async limit => {
    let missing = numBytes
    for (let pieces = 0; missing > 0; pieces++) {
      if (pieces >= AUTONAT_LIMITS.maxPieces) throw new NatError('LIMIT', 'dial data came in too small pieces')
      const { dialDataResponse } = await frames.read(limit)
      if (dialDataResponse == null) throw new NatError('MALFORMED', 'dial data was asked for, and something else came')
      missing -= dialDataResponse.data?.length ?? 0
    }
  })
  await sleep(clock, random.int(0, AUTONAT_LIMITS.maxDelayMs), signal)
}

/**
 * Dials the address and hands the nonce over. Where the hub has several addresses, each of them must get through, because
 * a NAT that filters by address lets in whatever comes from the one that the peer talks to.
 *
 * @param from local addresses of the family that is dialled; the nonce goes by the last
 * @throws NatError LIMIT when we have no socket left
 */
export async function dialBack(
  dialer: Dialer,
  { address }: Choice,
  from: readonly string[],
  nonce: bigint,
  clock: Clock,
  signal: AbortSignal
): Promise<DialStatus> {
  for (const [index, host] of from.entries()) {
    let connection: Connection
    try {
      connection = await withDeadline(clock, AUTONAT_LIMITS.dialMs, `a dial of ${address}`, signal, limit =>
        dialer.dial(address, host, limit)
      )
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof NatError && error.code === 'LIMIT') throw error
      return 'E_DIAL_ERROR'
    }
    try {
      if (index === from.length - 1) await sendNonce(connection, nonce, clock, signal)
    } catch {
      signal.throwIfAborted()
      return 'E_DIAL_BACK_ERROR'
    } finally {
      void connection.close().catch(error => connection.abort(error))
    }
  }
  return 'OK'
}

async function sendNonce(connection: Connection, nonce: bigint, clock: Clock, signal: AbortSignal): Promise<void> {
  await withDeadline(clock, AUTONAT_LIMITS.dialBackMs, 'a dial-back', signal, async limit => {
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(DIAL_BACK_PROTOCOL, { signal: limit })
      stream.send(encodeFrame(dialBackCodec.encode({ nonce })))
      // its content says nothing that its coming does not
      await new Frames(stream, dialBackResponseCodec, 'AutoNAT dial-back', MAX_AUTONAT_BYTES).read(limit)
      await stream.close({ signal: limit })
    } catch (error) {
      stream?.abort(error as Error)
      throw error
    }
  })
}
