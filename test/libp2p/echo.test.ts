import assert from 'node:assert/strict'
import test from 'node:test'
import { byteStream, streamPair } from '@libp2p/utils'
import { VirtualClock } from '../../src/core/clock.ts'
import { ECHO_IDLE_MS, echo } from '../../src/libp2p/echo.ts'
import { PING_BYTES } from '../../src/libp2p/round-trips.ts'

async function opened() {
  const [near, far] = await streamPair()
  const clock = new VirtualClock()
  const stopping = new AbortController()
  const pings: number[] = []
  const done = echo(far, clock, () => void pings.push(clock.now()), stopping.signal)
  return { near, far, bytes: byteStream(near), clock, stopping, pings, done }
}
const ping = (fill: number) => new Uint8Array(PING_BYTES).fill(fill)

test('each ping comes back as it is, as many as there are, and is told', async () => {
  const { near, bytes, clock, pings, done } = await opened()
  for (let i = 0; i < 5; i++) {
    await bytes.write(ping(i))
    assert.deepEqual((await bytes.read({ bytes: PING_BYTES })).subarray(), ping(i))
    await clock.advance(60_000)
  }
  assert.deepEqual(pings, [0, 60_000, 120_000, 180_000, 240_000])
  await near.close()
  await done
  assert.equal(clock.pending, 0)
})

test('an answer goes out to who has sent the ping and closed its end', async () => {
  const { near, bytes, done } = await opened()
  await bytes.write(ping(7))
  await near.close()
  assert.deepEqual((await bytes.read({ bytes: PING_BYTES })).subarray(), ping(7))
  await done
})

test('silence, half a ping, more than anybody would ask at once, and the end of the service end it', async () => {
  const idle = await opened()
  await idle.clock.advance(ECHO_IDLE_MS - 1)
  assert.equal(idle.far.status, 'open')
  await idle.clock.advance(1)
  await idle.done
  const half = await opened()
  half.near.send(ping(1).subarray(1))
  await half.clock.advance(ECHO_IDLE_MS)
  await half.done
  const flood = await opened()
  flood.near.send(new Uint8Array(100 * PING_BYTES))
  await flood.done
  const stopped = await opened()
  stopped.stopping.abort(new Error('the node stops'))
  await stopped.done
  for (const { far, clock, pings } of [idle, half, flood, stopped]) {
    assert.equal(far.status, 'aborted')
    assert.deepEqual([clock.pending, pings], [0, []])
  }
})
