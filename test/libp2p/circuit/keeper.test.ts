import assert from 'node:assert/strict'
import test from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { VirtualClock } from '../../../src/core/clock.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { type Held, KEEPER, keepReservation, Restart } from '../../../src/libp2p/circuit/keeper.ts'
import { refused } from '../../../src/libp2p/circuit/status.ts'

const HOUR_MS = 3_600_000
const RELAY = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

type Mode = 'grant' | 'refuse' | 'deny' | 'silent'

/** A relay in virtual time: it grants, refuses or keeps silent as told, and everything that happens is written down. */
class FakeRelay {
  readonly clock = new VirtualClock()
  readonly log: Array<[number, string]> = []
  mode: Mode = 'grant'
  ttlMs = HOUR_MS
  readonly restart = new Restart()
  readonly #stop = new AbortController()
  #lose: () => void = () => {}
  readonly ended: Promise<void>

  constructor(mode: Mode = 'grant') {
    this.mode = mode
    this.ended = keepReservation(
      {
        relay: 'a relay',
        clock: this.clock,
        random: seededRandom(1),
        restart: this.restart,
        reserve: signal => this.#reserve(signal),
        onHeld: () => this.#note('held'),
        onLost: () => this.#note('lost'),
        onFailed: error => this.#note(`failed: ${error.message}`)
      },
      this.#stop.signal
    )
  }

  crash(): void {
    this.#lose()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.clock.advance(0)
    await this.ended
  }

  times(what: string): number[] {
    return this.log.filter(([, each]) => each.startsWith(what)).map(([ms]) => ms)
  }

  #note(what: string): void {
    this.log.push([this.clock.now(), what])
  }

  async #reserve(signal: AbortSignal): Promise<Held> {
    this.#note('asked')
    if (this.mode === 'refuse') throw new Error('full')
    if (this.mode === 'deny') throw refused({ status: 'PERMISSION_DENIED', reason: 'no token' }, RELAY)
    if (this.mode === 'silent')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { promise: lost, resolve } = Promise.withResolvers<void>()
    this.#lose = resolve
    return { ttlMs: this.ttlMs, lost }
  }
}

test('a reservation is renewed before half its life is over, and never given up for that', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(3 * HOUR_MS)
  const held = relay.times('held')
  assert.equal(held[0], 0)
  for (const [index, ms] of held.slice(1).entries()) {
    const age = ms - held[index]!
    assert.ok(age >= 0.45 * HOUR_MS && age <= 0.5 * HOUR_MS, `renewed after ${age} ms`)
  }
  assert.deepEqual(relay.times('lost'), [])
  await relay.stop()
  assert.equal(relay.clock.pending, 0)
})

test('a relay that crashes and comes back has the reservation again within seconds', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(1_000)
  relay.mode = 'refuse'
  relay.crash()
  await relay.clock.advance(60_000)
  assert.equal(relay.times('lost').length, 1)
  const backMs = relay.clock.now()
  relay.mode = 'grant'
  await relay.clock.advance(KEEPER.maxRetryMs)
  assert.ok(relay.times('held')[1]! - backMs <= KEEPER.maxRetryMs)
  await relay.stop()
})

test('a relay that refuses is asked less and less often, and never less than every 5 s', async () => {
  const relay = new FakeRelay('refuse')
  await relay.clock.advance(120_000)
  const asked = relay.times('asked')
  const gaps = asked.slice(1).map((ms, index) => ms - asked[index]!)
  for (const [index, gap] of gaps.entries()) {
    const longest = Math.min(KEEPER.maxRetryMs, KEEPER.firstRetryMs * 2 ** index)
    assert.ok(gap >= Math.floor(longest / 2) && gap <= longest, `gap ${index} is ${gap} ms`)
  }
  assert.ok(asked.length > 24 && asked.length < 60, `${asked.length} requests in two minutes`)
  await relay.stop()
})

test('a relay that is not for us is asked once or twice a minute, and at once when everything may be different', async () => {
  const relay = new FakeRelay('deny')
  await relay.clock.advance(10 * 60_000)
  const asked = relay.times('asked')
  const gaps = asked.slice(1).map((ms, index) => ms - asked[index]!)
  assert.ok(gaps.length >= 10 && gaps.every(gap => gap >= 30_000 && gap <= KEEPER.deniedRetryMs), `gaps: ${gaps}`)
  relay.restart.now()
  await relay.clock.advance(0)
  assert.equal(relay.times('asked').length, asked.length + 1)
  await relay.stop()
})

test('a relay that never answers is given up after the deadline, and asked again', async () => {
  const relay = new FakeRelay('silent')
  await relay.clock.advance(KEEPER.attemptMs)
  assert.match(relay.log.at(-1)![1], /^failed: a reservation at a relay: nothing within 10000 ms/)
  await relay.clock.advance(KEEPER.firstRetryMs)
  assert.equal(relay.times('asked').length, 2)
  await relay.stop()
})

test('while a renewal fails the old reservation counts, until it is over', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(1_000)
  relay.mode = 'refuse'
  await relay.clock.advance(0.9 * HOUR_MS)
  assert.deepEqual(relay.times('lost'), [])
  await relay.clock.advance(0.2 * HOUR_MS)
  const [lostMs] = relay.times('lost')
  assert.ok(lostMs! >= HOUR_MS && lostMs! <= HOUR_MS + KEEPER.maxRetryMs, `lost at ${lostMs}`)
  assert.equal(relay.times('lost').length, 1)
  await relay.stop()
})

test('peers of one hub do not come back in the same moment', async () => {
  const waits = await Promise.all(
    [1, 2, 3, 4, 5].map(async seed => {
      const clock = new VirtualClock()
      const stop = new AbortController()
      const asked: number[] = []
      let lose = () => {}
      const ended = keepReservation(
        {
          relay: 'a relay',
          clock,
          random: seededRandom(seed),
          restart: new Restart(),
          reserve: async () => {
            asked.push(clock.now())
            const { promise: lost, resolve } = Promise.withResolvers<void>()
            lose = resolve
            return { ttlMs: HOUR_MS, lost }
          },
          onHeld: () => {},
          onLost: () => {},
          onFailed: () => {}
        },
        stop.signal
      )
      await clock.advance(0)
      lose()
      await clock.advance(KEEPER.spreadMs)
      stop.abort()
      await ended
      return asked[1]!
    })
  )
  assert.equal(new Set(waits).size, waits.length, `they came back at ${waits}`)
})

test('a restart: asked again at once, and the old reservation counts until there is a new one', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(60_000)
  relay.restart.now()
  await relay.clock.advance(0)
  assert.deepEqual(relay.times('held'), [0, 60_000])
  assert.deepEqual(relay.times('lost'), [])
  // renewed at half life of the new one
  await relay.clock.advance(0.5 * HOUR_MS)
  assert.equal(relay.times('asked').length, 3)
  await relay.stop()
  assert.equal(relay.clock.pending, 0)
})

test('a restart gives up the question that is under way, and is no failure', async () => {
  const relay = new FakeRelay('silent')
  await relay.clock.advance(4_000)
  relay.mode = 'grant'
  relay.restart.now()
  await relay.clock.advance(0)
  assert.deepEqual(relay.log, [
    [0, 'asked'],
    [4_000, 'asked'],
    [4_000, 'held']
  ])
  await relay.stop()
})

test('a restart ends the pause after failures, and the next pauses are short again', async () => {
  const relay = new FakeRelay('refuse')
  await relay.clock.advance(60_000)
  relay.restart.now()
  const fromMs = relay.clock.now()
  await relay.clock.advance(KEEPER.firstRetryMs)
  const asked = relay.times('asked').filter(ms => ms >= fromMs)
  assert.equal(asked[0], fromMs)
  assert.equal(asked.length, 2)
  await relay.stop()
})

test('a connection that is lost while a restart asks: the reservation is lost when that fails', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(1_000)
  relay.mode = 'silent'
  relay.restart.now()
  await relay.clock.advance(0)
  relay.crash()
  await relay.clock.advance(KEEPER.attemptMs)
  assert.deepEqual(relay.times('lost'), [1_000 + KEEPER.attemptMs])
  await relay.stop()
})

test('a restart between a loss and the next question: no pause', async () => {
  const relay = new FakeRelay()
  await relay.clock.advance(1_000)
  relay.crash()
  await relay.clock.advance(0)
  relay.restart.now()
  await relay.clock.advance(0)
  assert.deepEqual(relay.times('held'), [0, 1_000])
  await relay.stop()
})
