import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { LIMITS, SERVER_ID, setUp } from './fake-sockets.ts'
import { handshake, initial, short, stun } from './packets.ts'

describe('inbound', () => {
  test('an Initial opens a flow, reaches it, and is told', () => {
    const { sockets, events, board, udp, arrive } = setUp()
    const packet = initial()
    arrive(9, packet)
    assert.deepEqual(sockets.loops[0]?.delivered, [packet])
    assert.deepEqual(events, [{ event: 'inbound', info: { flow: 1, loopbackPort: 40_000, path: udp(9) } }])
    assert.deepEqual(board.accept(40_000), { flow: 1, loopbackPort: 40_000, path: udp(9) })
  })

  test('nobody listening, unknown packets, port 0: counted, and nothing is opened', () => {
    const { sockets, board, socket, arrive } = setUp()
    arrive(9, short(SERVER_ID))
    arrive(9, Buffer.alloc(0))
    arrive(0, initial())
    board.sockets.listen(socket, null)
    arrive(9, initial())
    assert.deepEqual([board.stats().droppedUnknown, board.stats().droppedNoListener], [3, 1])
    assert.equal(sockets.loops.length, 0)
  })

  test('STUN is told, and opens nothing', () => {
    const { sockets, events, board, arrive, socket, dial, udp } = setUp()
    dial(udp(9))
    const bytes = stun()
    arrive(9, bytes)
    assert.deepEqual(events, [
      { event: 'stun', socket, from: { address: '192.0.2.1', port: 9 }, bytes: new Uint8Array(bytes) }
    ])
    assert.deepEqual([board.stats().stun, sockets.loops[0]?.delivered], [1, []])
  })

  test('STUN without a fingerprint counts only from where no flow is', () => {
    const { sockets, events, board, arrive, dial, udp } = setUp()
    const bytes = Buffer.concat([Buffer.from('000100002112a442', 'hex'), Buffer.alloc(12, 7)])
    arrive(9, bytes)
    assert.deepEqual([events.length, board.stats().stun, sockets.loops.length], [1, 1, 0])
    dial(udp(9))
    assert.equal(arrive(9, bytes).length, 1)
    assert.deepEqual([board.stats().stun, sockets.loops[0]?.delivered], [1, [bytes]])
    arrive(10, bytes)
    assert.equal(board.stats().stun, 2)
    arrive(11, initial())
    arrive(11, bytes)
    assert.deepEqual([board.stats().stun, sockets.loops[1]?.delivered.length], [2, 2])
  })

  test('a flow that does not prove itself within 8 s goes, and its loopback socket too', () => {
    const { sockets, events, board, arrive, sleep } = setUp()
    arrive(9, initial())
    sleep(8_000)
    assert.equal(sockets.openLoops, 1)
    sleep(8_500)
    assert.deepEqual([sockets.openLoops, board.stats().flows], [0, 0])
    assert.deepEqual(events.at(-1), { event: 'gone', flow: 1, loopbackPort: 40_000 })
    assert.equal(board.accept(40_000), null)
  })

  test('a peer that closes and dials again at once keeps its flow, whatever comes first', () => {
    for (const dialsFirst of [true, false]) {
      const { sockets, board, arrive, sleep } = setUp()
      arrive(9, initial({ to: '0101010101010101' }))
      board.accept(40_000)
      if (dialsFirst) arrive(9, initial({ to: '0202020202020202' }))
      if (dialsFirst) board.accept(40_000)
      board.release(1, false)
      if (!dialsFirst) arrive(9, initial({ to: '0202020202020202' }))
      sleep(5_000)
      if (!dialsFirst) board.accept(40_000)
      sleep(60_000)
      assert.deepEqual([sockets.openLoops, board.stats().flows], [1, 1])
    }
  })

  test('a flood of forged Initials holds two flows, whatever it does', () => {
    const { sockets, board, arrive, clock } = setUp()
    for (let i = 0; i < 1_000; i++) {
      clock.nowMs = i * 10
      arrive(1 + i, initial())
      arrive(1 + i, initial())
      assert.ok(sockets.openLoops <= LIMITS.maxUnconfirmed)
    }
    assert.equal(board.stats().droppedTableFull > 1_000, true)
  })

  test('a proved flow that falls silent goes after 90 s', () => {
    const { sockets, board, arrive, sleep } = setUp()
    const [flow] = arrive(9, initial())
    board.sent(flow!, initial({ from: SERVER_ID }))
    arrive(9, handshake({ to: SERVER_ID }))
    sleep(90_000)
    assert.equal(sockets.openLoops, 1)
    sleep(90_500)
    assert.equal(sockets.openLoops, 0)
  })

  test('a thousand flows with a connection each that fall silent all go', () => {
    const { sockets, board, arrive, sleep } = setUp({ ...LIMITS, maxFlows: 1_000 })
    for (let port = 1; port <= 1_000; port++) {
      const [flow] = arrive(port, initial())
      board.sent(flow!, initial({ from: SERVER_ID }))
      arrive(port, handshake({ to: SERVER_ID }))
      board.accept(40_000 + port - 1)
    }
    assert.equal(sockets.openLoops, 1_000)
    sleep(90_500)
    assert.deepEqual([sockets.openLoops, board.stats().flows, board.accept(40_500)], [0, 0, null])
  })

  test('without a descriptor the packet is dropped, and the next one tries again', () => {
    const { sockets, board, arrive } = setUp()
    sockets.exhausted = true
    assert.deepEqual(arrive(9, initial()), [])
    assert.deepEqual([sockets.openLoops, board.stats().flows, board.stats().droppedTableFull], [0, 0, 1])
    sockets.exhausted = false
    assert.equal(arrive(9, initial()).length, 1)
  })
})
