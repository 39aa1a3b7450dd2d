import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import type { Clock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'

/** What is answered with itself, as often as it is sent (https://github.com/libp2p/specs/blob/master/ping/ping.md). */
export const PING = '/ipfs/ping/1.0.0'
export const PING_BYTES = 32

/**
 * Round trips over a stream of libp2p ping, one after the other. js-libp2p's own ping counts whole milliseconds, so that a hub in the same
 * building is 0 away, and opens a stream for each.
 *
 * @yields milliseconds @throws NatError('MALFORMED') when something else comes back, the signal's reason
 */
export async function* roundTrips(
  stream: Stream,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  signal: AbortSignal
): AsyncGenerator<number, never, void> {
  const bytes = byteStream(stream, { maxBufferSize: 4 * PING_BYTES })
  for (;;) {
    const sent = random.bytes(PING_BYTES)
    const startMs = clock.now()
    await bytes.write(sent, { signal })
    const received = await bytes.read({ bytes: PING_BYTES, signal })
    if (!sent.every((byte, at) => byte === received.get(at)))
      throw new NatError('MALFORMED', 'a ping came back changed')
    yield clock.now() - startMs
  }
}
