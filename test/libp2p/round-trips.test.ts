import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { byteStream, streamPair } from '@libp2p/utils'
import { VirtualClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { PING, PING_BYTES, roundTrips } from '../../src/libp2p/round-trips.ts'

/** The other side: answers each ping after so many milliseconds with what `answer` makes of it. */
async function echo(
  stream: Stream,
  clock: VirtualClock,
  delaysMs: readonly number[],
  answer = (ping: Uint8Array) => ping
) {
  const bytes = byteStream(stream)
  for (const delayMs of delaysMs) {
    const ping = (await bytes.read({ bytes: PING_BYTES })).subarray()
    await clock.advance(delayMs)
    await bytes.write(answer(ping))
  }
}

describe('round trips by ping', () => {
  it('are told to the fraction of a millisecond, all over one stream', async () => {
    const clock = new VirtualClock()
    const [ours, theirs] = await streamPair({ protocol: PING })
    const { signal } = new AbortController()
    const answering = echo(theirs, clock, [0.25, 3, 0.5])
    const told: number[] = []
    for await (const rttMs of roundTrips(ours, { clock, random: seededRandom(1) }, signal)) {
      if (told.push(rttMs) === 3) break
    }
    await answering
    assert.deepEqual(told, [0.25, 3, 0.5])
  })

  it('end when something else comes back', async () => {
    const clock = new VirtualClock()
    const [ours, theirs] = await streamPair({ protocol: PING })
    const trips = roundTrips(ours, { clock, random: seededRandom(1) }, new AbortController().signal)
    const answering = echo(theirs, clock, [1], ping => ping.map(byte => byte ^ 1))
    await assert.rejects(trips.next(), { code: 'MALFORMED' })
    await answering
  })

  it('end with the signal while nothing comes back', async () => {
    const [ours] = await streamPair({ protocol: PING })
    const stopping = new AbortController()
    const asked = roundTrips(ours, { clock: new VirtualClock(), random: seededRandom(1) }, stopping.signal).next()
    stopping.abort(new Error('enough'))
    await assert.rejects(asked, /enough|abort/i)
  })
})
