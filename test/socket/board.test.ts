import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import type { Bound, FlowInfo } from '../../src/socket/plane.ts'
import { call, LIMITS, setUp } from './fake-sockets.ts'
import { handshake, initial, short } from './packets.ts'

describe('dialling', () => {
  test('dials to one address share a flow; a released one is kept by the next dial', () => {
    const { sockets, board, dial, udp, sleep } = setUp()
    const first = dial(udp(9))
    assert.deepEqual(dial(udp(9)), first)
    board.release(1, false)
    board.release(1, false)
    sleep(500)
    assert.deepEqual(dial(udp(9)), first)
    sleep(5_000)
    assert.equal(sockets.openLoops, 1)
  })

  test('one of two dials to an address that is released now leaves the flow to the other', () => {
    const { sockets, board, dial, udp } = setUp()
    dial(udp(9))
    dial(udp(9))
    board.release(1, true)
    assert.equal(sockets.openLoops, 1)
    board.release(1, true)
    assert.equal(sockets.openLoops, 0)
  })

  test('dials over one pipe share a flow', () => {
    const { board, dial } = setUp()
    board.pipes.open(3)
    const first = dial({ kind: 'pipe', pipe: 3 })
    assert.deepEqual(dial({ kind: 'pipe', pipe: 3 }), first)
  })

  test('released: its last words get out for a second; released now: nothing does', () => {
    const { sockets, board, dial, udp, sleep } = setUp()
    dial(udp(1))
    dial(udp(2))
    board.release(1, false)
    board.release(2, true)
    assert.equal(sockets.openLoops, 1)
    sleep(1_500)
    assert.equal(sockets.openLoops, 0)
  })

  test('a full table says LIMIT, and has room when one was released', () => {
    const { board, dial, udp } = setUp()
    for (let port = 1; port <= LIMITS.maxFlows; port++) dial(udp(port))
    const refused = dial(udp(9))
    assert.ok(refused instanceof NatError && refused.code === 'LIMIT')
    board.release(1, true)
    assert.ok(!(dial(udp(9)) instanceof NatError))
  })

  test('without a descriptor it says LIMIT, and nothing stays behind', () => {
    const { sockets, board, dial, udp } = setUp()
    sockets.exhausted = true
    const refused = dial(udp(9), true)
    assert.ok(refused instanceof NatError && refused.code === 'LIMIT')
    assert.deepEqual([sockets.openLoops, board.stats().flows], [0, 0])
  })

  test('a flow that is closed while it opens answers LINK_CLOSED', () => {
    const { sockets, board, socket, udp } = setUp()
    sockets.slow = true
    let answer: FlowInfo | NatError | undefined
    board.dial(udp(9), false, result => {
      answer = result
    })
    board.unbind(socket)
    for (const opened of sockets.waiting) opened()
    assert.ok(answer instanceof NatError && answer.code === 'LINK_CLOSED')
    assert.equal(board.accept(40_000), null)
  })

  test('a punching dial repeats its first flight until an answer comes', () => {
    const { sockets, board, dial, udp, arrive, sleep, flow, clock } = setUp()
    const punching = flow(dial(udp(9), true))
    const plain = flow(dial(udp(8)))
    board.sent(punching, initial({ from: 'c1c1c1c1c1c1c1c1' }))
    board.sent(plain, initial({ bytes: 1_300 }))
    sleep(60)
    assert.deepEqual(sockets.sent, ['0.0.0.0 -> 192.0.2.1:9 1200', '0.0.0.0 -> 192.0.2.1:9 1200'])
    clock.nowMs = 61
    arrive(9, initial({ to: 'c1c1c1c1c1c1c1c1' }))
    sleep(1_000)
    assert.equal(sockets.sent.length, 2)
  })

  test("the other side's opening packets, and what is for somebody else, do not end the repetitions", () => {
    const { sockets, board, dial, udp, arrive, sleep, flow } = setUp()
    board.sent(flow(dial(udp(9), true)), initial({ from: 'c1c1c1c1c1c1c1c1' }))
    arrive(9, Buffer.from('0401020304050607080910', 'hex'))
    arrive(9, Buffer.alloc(64, 0xff))
    arrive(9, short('1234567890123456'))
    arrive(9, handshake({ to: '1234567890123456' }))
    sleep(60_000)
    assert.equal(sockets.sent.length, 5)
  })

  test('an address that nobody answers at gets five repetitions', () => {
    const { sockets, board, dial, udp, sleep, flow } = setUp()
    board.sent(flow(dial(udp(9), true)), initial())
    sleep(60_000)
    assert.equal(sockets.sent.length, 5)
  })
})

describe('closing', () => {
  test('unbinding a socket frees the flows that have no path but by it', () => {
    const { sockets, board, socket, dial, udp } = setUp()
    dial(udp(1))
    dial(udp(2))
    board.pipes.open(5)
    board.move(2, { kind: 'pipe', pipe: 5 })
    board.unbind(socket)
    assert.deepEqual([sockets.openLoops, sockets.unbound], [1, ['0.0.0.0']])
    assert.equal(board.accept(40_001)?.flow, 2)
  })

  test('stop closes everything once, and what is bound afterwards too', () => {
    const { sockets, board, dial, udp, arrive } = setUp()
    dial(udp(1))
    arrive(2, initial())
    sockets.slow = true
    let answer: Bound | NatError | undefined
    board.sockets.bind('late', 1, result => {
      answer = result
    })
    board.stop()
    board.stop()
    for (const opened of sockets.waiting) opened()
    assert.deepEqual([sockets.openLoops, sockets.unbound], [0, ['0.0.0.0', 'late']])
    assert.ok(answer instanceof NatError && answer.code === 'LINK_CLOSED')
  })

  test('576 sockets, not one more', () => {
    const { board } = setUp()
    const bind = () => call((done: (result: Bound | NatError) => void) => board.sockets.bind('0.0.0.0', 0, done))
    for (let i = 1; i < 576; i++) assert.ok(!(bind() instanceof NatError))
    const refused = bind()
    assert.ok(refused instanceof NatError && refused.code === 'LIMIT')
  })
})
