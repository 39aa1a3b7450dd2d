import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sleep, VirtualClock } from '../../../src/core/clock.ts'
import { race } from '../../../src/libp2p/circuit/connect.ts'

/** What becomes of the dial of one address: it is answered or fails after so long, or does neither. */
interface Fate {
  readonly ms: number
  readonly fails?: string
  /** Does not listen to its signal. */
  readonly deaf?: boolean
}

function setUp(fates: readonly Fate[]) {
  const clock = new VirtualClock()
  const controller = new AbortController()
  const addresses = fates.map((_, i) => multiaddr(`/ip4/192.0.2.1/tcp/${i}`))
  const portOf = (address: Multiaddr) => Number(address.getComponents()[1]?.value)
  const log: string[] = []
  const connections: Array<Connection & { aborted: boolean; readonly port: number }> = []
  const signals: AbortSignal[] = []
  const raced = race(addresses, clock, controller.signal, async (address, signal) => {
    const port = portOf(address)
    const { ms, fails, deaf } = fates[port]!
    log.push(`${clock.now()} dial ${port}`)
    signals.push(signal)
    signal.addEventListener('abort', () => log.push(`${clock.now()} abort ${port}`))
    await sleep(clock, ms, deaf === true ? undefined : signal)
    if (fails != null) throw new Error(fails)
    const connection = { port, aborted: false, abort: () => (connection.aborted = true) }
    connections.push(connection as never)
    return connection as unknown as Connection
  })
  const port = raced.then(connection => (connection as unknown as { port: number }).port)
  return { clock, controller, log, connections, signals, port }
}

const rows: ReadonlyArray<readonly [what: string, fates: Fate[], log: string[], winner: number, atMs: number]> = [
  ['the first answers in time: the second has no turn', [{ ms: 200 }, { ms: 1 }], ['0 dial 0'], 0, 200],
  [
    'the first is silent: the second has its turn after 250 ms, and wins',
    [{ ms: 60_000 }, { ms: 30 }],
    ['0 dial 0', '250 dial 1', '280 abort 0'],
    1,
    280
  ],
  [
    'the first fails: the second has its turn at once',
    [{ ms: 10, fails: 'no' }, { ms: 5 }],
    ['0 dial 0', '10 dial 1'],
    1,
    15
  ],
  [
    'a slow first wins over a slower second',
    [{ ms: 300 }, { ms: 500 }],
    ['0 dial 0', '250 dial 1', '300 abort 1'],
    0,
    300
  ],
  [
    'three that are silent: 250 ms apart',
    [{ ms: 60_000 }, { ms: 60_000 }, { ms: 10 }],
    ['0 dial 0', '250 dial 1', '500 dial 2', '510 abort 0', '510 abort 1'],
    2,
    510
  ],
  [
    'the second fails: the third does not wait for the first',
    [{ ms: 60_000 }, { ms: 10, fails: 'no' }, { ms: 10 }],
    ['0 dial 0', '250 dial 1', '260 dial 2', '270 abort 0'],
    2,
    270
  ]
]
for (const [what, fates, expected, winner, atMs] of rows) {
  test(what, async () => {
    const { clock, log, port } = setUp(fates)
    await clock.advance(atMs)
    assert.equal(await port, winner)
    assert.deepEqual(log, expected)
    assert.equal(clock.pending, 0)
  })
}

test('all fail: the error of the first', async () => {
  const { clock, port } = setUp([
    { ms: 40, fails: 'refused' },
    { ms: 1, fails: 'no route' }
  ])
  const failed = assert.rejects(port, { message: 'refused' })
  await clock.advance(41)
  await failed
  assert.equal(clock.pending, 0)
})

test("an abort ends it with the signal's reason, and no address has its turn any more", async () => {
  const { clock, controller, log, port } = setUp([{ ms: 60_000 }, { ms: 1 }])
  const failed = assert.rejects(port, { message: 'enough' })
  await clock.advance(100)
  controller.abort(new Error('enough'))
  await clock.advance(1_000)
  await failed
  assert.deepEqual(log, ['0 dial 0', '100 abort 0'])
  assert.equal(clock.pending, 0)
})

test('a loser that comes up all the same is closed, the winner is not', async () => {
  const { clock, connections, port } = setUp([{ ms: 1_000, deaf: true }, { ms: 10 }])
  await clock.advance(260)
  assert.equal(await port, 1)
  await clock.advance(1_000)
  assert.deepEqual(
    connections.map(connection => [connection.port, connection.aborted]),
    [
      [1, false],
      [0, true]
    ]
  )
})

test("the winner's signal stays quiet when the race is over and when its caller aborts, and holds no listener", async () => {
  const { clock, controller, signals, port } = setUp([{ ms: 10 }])
  await clock.advance(10)
  await port
  controller.abort(new Error('later'))
  assert.equal(signals[0]?.aborted, false)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
})
