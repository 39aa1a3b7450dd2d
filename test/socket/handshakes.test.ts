import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { longHeader } from '../../src/socket/demux.ts'
import { HANDSHAKE_LIMITS, Handshakes } from '../../src/socket/handshakes.ts'
import { LIMITS, SERVER_ID, setUp } from './fake-sockets.ts'
import { initial } from './packets.ts'

const CLIENT_ID = 'c0c0c0c0c0c0c0c0'
const idOf = (n: number) => n.toString(16).padStart(16, '0')
const begins = (n: number) => longHeader(initial({ to: idOf(n), from: CLIENT_ID }))!
const answers = (engineId = SERVER_ID) => longHeader(initial({ to: CLIENT_ID, from: engineId }))!
const { perFlow, inAll, endAfterMs, lifeMs } = HANDSHAKE_LIMITS

/** As many as there may be, each of another address, none of them answered. */
function full(): Handshakes<number> {
  const handshakes = new Handshakes<number>()
  for (let flow = 0; flow < inAll; flow++)
    assert.equal(handshakes.admit(flow, `host ${flow}`, begins(flow), flow).ok, true)
  return handshakes
}

describe('handshakes of the server', () => {
  test('repetitions, and what goes on by the id that the engine made up, belong to the one that was begun', () => {
    const handshakes = new Handshakes<number>()
    for (let i = 0; i < 100; i++) assert.equal(handshakes.admit(1, 'host', begins(7), 0).ok, true)
    handshakes.answered(1, answers())
    const goesOn = longHeader(initial({ to: SERVER_ID, from: CLIENT_ID }))!
    for (let i = 0; i < 100; i++) assert.equal(handshakes.admit(1, 'host', goesOn, 0).ok, true)
    assert.equal(handshakes.size, 1)
  })

  test('one address has a few; those that the engine has refused make room for others', () => {
    const handshakes = new Handshakes<number>()
    for (let n = 0; n < perFlow; n++) assert.equal(handshakes.admit(1, 'host', begins(n), 0).ok, true)
    handshakes.answered(1, answers())
    assert.equal(handshakes.admit(1, 'host', begins(100), endAfterMs - 1).ok, false)
    for (let n = 101; n < 100 + perFlow; n++) assert.equal(handshakes.admit(1, 'host', begins(n), endAfterMs).ok, true)
    assert.equal(handshakes.admit(1, 'host', begins(200), endAfterMs).ok, false)
    assert.equal(handshakes.admit(2, 'host', begins(300), endAfterMs).ok, true)
  })

  test('when there are too many the oldest ends, once it had its time', () => {
    const handshakes = full()
    handshakes.answered(0, answers())
    assert.equal(handshakes.hasRoom('host', endAfterMs - 1), false)
    assert.deepEqual(handshakes.admit(inAll, 'host', begins(inAll), endAfterMs - 1), { ok: false })
    assert.equal(handshakes.hasRoom('host', endAfterMs), true)
    const { ok, ended } = handshakes.admit(inAll, 'host', begins(inAll), endAfterMs)
    assert.deepEqual([ok, ended?.flow, handshakes.size], [true, 0, inAll])
  })

  test('of those that are young one makes room for a host that has fewer, out of the host that has most', () => {
    const handshakes = new Handshakes<number>()
    for (let flow = 0; flow < inAll; flow++) handshakes.admit(flow, `host ${Math.min(flow, 10)}`, begins(flow), 0)
    assert.equal(handshakes.admit(1_000, 'host 10', begins(1_000), 1).ok, false)
    const { ok, ended } = handshakes.admit(1_001, 'newcomer', begins(1_001), 1)
    assert.deepEqual([ok, ended?.flow, handshakes.size], [true, 10, inAll])
  })

  test('when no host has many, all have to wait', () => {
    assert.equal(full().hasRoom('newcomer', endAfterMs - 1), false)
  })

  test('what ends is told to the engine in the name of its client', () => {
    const handshakes = new Handshakes<number>()
    handshakes.admit(1, 'host', begins(7), 0)
    handshakes.answered(1, answers())
    assert.deepEqual([...handshakes.expired(lifeMs - 1)], [])
    const [ended] = handshakes.expired(lifeMs)
    const { destinationId, sourceId, opensConnection } = longHeader(ended!.close!)!
    assert.deepEqual([ended?.flow, destinationId, sourceId, opensConnection], [1, idOf(7), CLIENT_ID, true])
    assert.equal(handshakes.size, 0)
  })

  test('what the engine has not answered needs no end', () => {
    const handshakes = new Handshakes<number>()
    handshakes.admit(1, 'host', begins(7), 0)
    assert.deepEqual([...handshakes.endAll(1)], [{ flow: 1, close: undefined }])
    assert.equal(handshakes.size, 0)
  })

  test('a finished one is not ended', () => {
    const handshakes = new Handshakes<number>()
    handshakes.admit(1, 'host', begins(1), 0)
    handshakes.admit(1, 'host', begins(2), 0)
    handshakes.answered(1, answers())
    handshakes.finished(1)
    assert.deepEqual([...handshakes.expired(lifeMs)], [{ flow: 1, close: undefined }])
    handshakes.finished(1)
    assert.equal(handshakes.size, 0)
  })
})

describe('the gate before the server', () => {
  test('a flow that goes ends its handshake before its socket is closed', () => {
    const { sockets, board, arrive, sleep } = setUp()
    const [flow] = arrive(9, initial({ to: idOf(7), from: CLIENT_ID }))
    board.sent(flow!, initial({ to: CLIENT_ID, from: SERVER_ID }))
    sleep(LIMITS.unconfirmedMs + 500)
    const [loop] = sockets.loops
    assert.deepEqual([loop?.open, board.stats().flows, board.stats().handshakes], [false, 0, 0])
    assert.equal(longHeader(loop!.delivered.at(-1)!)?.destinationId, idOf(7))
    assert.equal(loop?.delivered.length, 2)
  })

  test('one address: more Initials than it may have are dropped and counted, other packets are not', () => {
    const { sockets, board, arrive } = setUp()
    for (let n = 0; n < 100; n++) arrive(9, initial({ to: idOf(n) }))
    assert.deepEqual([board.stats().handshakes, board.stats().droppedHandshake], [perFlow, 100 - perFlow])
    assert.equal(sockets.loops[0]?.delivered.length, perFlow)
    assert.equal(arrive(9, initial({ to: idOf(0) })).length, 1)
  })

  test('the main thread hears of handshakes in steps', () => {
    const { events, board, arrive, sleep } = setUp({ ...LIMITS, maxFlows: 1_000, maxUnconfirmed: 1_000 })
    for (let port = 1; port <= 1_000; port++) arrive(port, initial({ to: idOf(port) }))
    const counts = () => events.flatMap(event => (event.event === 'handshakes' ? [event.count] : []))
    assert.deepEqual([counts().length, counts().at(-1)], [inAll / 16, inAll])
    assert.equal(board.stats().flows, inAll)
    sleep(lifeMs)
    assert.deepEqual([counts().length, counts().at(-1)], [inAll / 16 + 1, 0])
  })
})
