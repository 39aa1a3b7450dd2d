import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import { MAX_HELD } from '../../src/socket/holds.ts'
import type { FlowInfo, PlaneEvent } from '../../src/socket/plane.ts'
import { DatagramReader, frame } from '../../src/wire/datagrams.ts'
import { call, LIMITS, SERVER_ID, setUp } from './fake-sockets.ts'
import { handshake, initial, short, stun } from './packets.ts'

const CLIENT_ID = 'c1c1c1c1c1c1c1c1'
const pipe = (number: number) => ({ kind: 'pipe', pipe: number }) as const

/** A board with a link's flow, which our client has dialled over pipe 1. Pipe 2 is open, too. */
function setUpLink(limits = LIMITS) {
  const world = setUp(limits)
  const { board, sockets, events, dial, flow } = world
  for (const each of [1, 2]) board.pipes.open(each)
  const link = flow(dial(pipe(1)))
  board.sent(link, initial({ from: CLIENT_ID }))
  const loop = sockets.loops[0]!
  /** What the engine sends, told apart by its length. */
  const send = (...lengths: number[]) => {
    for (const length of lengths) board.send(link, new Uint8Array(length).fill(0x53))
    board.pipes.flush()
  }
  /** The lengths of the datagrams that left by a pipe. */
  const carried = (number: number) =>
    events.flatMap(each =>
      each.event === 'pipe' && each.pipe === number ? new DatagramReader().push(each.bytes).map(lengthOf) : []
    )
  const delivered = () => loop.delivered.map(lengthOf)
  return { ...world, link, loop, send, carried, delivered }
}
const lengthOf = ({ length }: Uint8Array) => length
const told = <E extends PlaneEvent['event']>(events: PlaneEvent[], event: E) =>
  events.filter((each): each is Extract<PlaneEvent, { event: E }> => each.event === event)

describe('pipes', () => {
  test('what comes by one is for its flow, however it is cut, and what the flow sends leaves by it in one message', () => {
    const { board, delivered, send, carried, events } = setUpLink()
    const stream = Buffer.concat([frame(short(CLIENT_ID, { bytes: 40 })), frame(short(CLIENT_ID, { bytes: 50 }))])
    board.fromPipe(1, stream.subarray(0, 60))
    assert.deepEqual(delivered(), [40])
    board.fromPipe(1, stream.subarray(60))
    assert.deepEqual(delivered(), [40, 50])
    send(100, 200, 1_500)
    assert.deepEqual([carried(1), told(events, 'pipe').length], [[100, 200, 1_500], 1])
  })

  test('64 KiB in one message, and not more', () => {
    const { send, carried, events } = setUpLink()
    send(...Array<number>(100).fill(1_400))
    assert.equal(carried(1).length, 100)
    const sizes = told(events, 'pipe').map(({ bytes }) => bytes.length)
    assert.deepEqual([sizes.length, Math.max(...sizes) <= 65_536], [3, true])
  })

  test('what a frame cannot hold, and what a closed pipe would have to, is counted', () => {
    const { board, send, carried } = setUpLink()
    send(1_501, 0, 1_500)
    assert.deepEqual([carried(1), board.stats().droppedPipe], [[1_500], 2])
    board.closePipe(1)
    send(10)
    assert.deepEqual([carried(1), board.stats().droppedPipe], [[1_500], 3])
  })

  test('STUN is told with its pipe, with a flow and without; other packets without a flow are nobody’s', () => {
    const { board, events, delivered } = setUpLink()
    const bytes = stun()
    const forged = Buffer.from(bytes)
    forged[27]! ^= 1
    for (const number of [1, 2]) {
      board.fromPipe(number, Buffer.concat([frame(bytes), frame(forged), frame(short(CLIENT_ID))]))
    }
    const expected = [1, 2].map(number => ({ event: 'pipe-stun', pipe: number, bytes: new Uint8Array(bytes) }))
    assert.deepEqual(told(events, 'pipe-stun'), expected)
    assert.deepEqual([delivered(), board.stats().stun, board.stats().droppedUnknown], [[28, 100], 2, 2])
    assert.equal(told(events, 'stun').length, 0)
  })

  test('one that is broken is told and closed; the link stays', () => {
    const { board, events, link, delivered } = setUpLink()
    board.fromPipe(1, Buffer.concat([frame(short(CLIENT_ID)), Buffer.of(0, 0)]))
    const [broken] = told(events, 'pipe-broken')
    assert.deepEqual([broken?.pipe, broken?.reason.includes('0 bytes')], [1, true])
    board.fromPipe(1, frame(short(CLIENT_ID)))
    assert.deepEqual([board.stats().pipes, board.flows.get(link.id), delivered()], [1, link, []])
  })

  test('a closed one, and one that was never open, carry nothing and are not dialled', () => {
    const { board, dial, link } = setUpLink()
    board.closePipe(2)
    board.closePipe(2)
    board.fromPipe(2, frame(stun()))
    assert.equal(board.stats().stun, 0)
    for (const number of [2, 99]) {
      const refused = dial(pipe(number))
      assert.ok(refused instanceof NatError && refused.code === 'LINK_CLOSED')
      assert.equal(board.steering.admit(link.id, pipe(number)), false)
      assert.equal(board.move(link.id, pipe(number)), false)
    }
    assert.deepEqual(link.path, pipe(1))
  })
})

describe('serving a pipe', () => {
  const serve = (world: ReturnType<typeof setUp>, number: number) =>
    call((done: (result: FlowInfo | NatError) => void) => world.board.serve(number, 5_000, done))

  test('a connection that comes in by it has a flow, in use until both uses are over', () => {
    const world = setUp()
    const { board, sockets, sleep } = world
    board.pipes.open(1)
    const info = serve(world, 1)
    assert.deepEqual(info, { flow: 1, loopbackPort: 40_000, path: pipe(1) })
    board.fromPipe(1, frame(initial()))
    assert.equal(sockets.loops[0]?.delivered.length, 1)
    assert.deepEqual(board.accept(40_000), info)
    board.release(1, true)
    sleep(600_000)
    assert.equal(board.stats().flows, 1)
    board.release(1, true)
    assert.deepEqual([board.stats().flows, board.stats().pipes, board.stats().admitted], [0, 1, 0])
  })

  test('it has one handshake under way at a time', () => {
    const world = setUp()
    const { board, sockets } = world
    board.pipes.open(1)
    serve(world, 1)
    const [first, second] = [initial({ to: '0101010101010101' }), initial({ to: '0202020202020202' })]
    for (const bytes of [first, second, first]) board.fromPipe(1, frame(bytes))
    assert.deepEqual([sockets.loops[0]?.delivered.length, board.stats().droppedHandshake], [2, 1])
    assert.equal(board.stats().handshakes, 1)
  })

  test('it is bounded by the table; what may be forged makes room for it', () => {
    const world = setUp()
    const { board, arrive, clock } = world
    for (let number = 1; number <= LIMITS.maxFlows; number++) {
      board.pipes.open(number)
      if (number < LIMITS.maxFlows) serve(world, number)
    }
    arrive(9, initial())
    const refused = serve(world, LIMITS.maxFlows)
    assert.ok(refused instanceof NatError && refused.code === 'LIMIT')
    clock.nowMs += 1_001
    assert.ok(!(serve(world, LIMITS.maxFlows) instanceof NatError))
    assert.equal(board.stats().flows, LIMITS.maxFlows)
  })

  test('a pipe that carries a flow of the other role is refused', () => {
    const world = setUpLink()
    const refused = serve(world, 1)
    assert.ok(refused instanceof NatError && refused.code === 'LINK_CLOSED')
  })
})

describe('paths of a flow', () => {
  test('packets that come by any of them are its own', () => {
    const { board, link, udp, arrive, delivered } = setUpLink()
    for (const path of [udp(1), udp(2), pipe(2)]) assert.equal(board.steering.admit(link.id, path), true)
    arrive(1, short(CLIENT_ID, { bytes: 31 }))
    arrive(2, short(CLIENT_ID, { bytes: 32 }))
    board.fromPipe(1, frame(short(CLIENT_ID, { bytes: 33 })))
    board.fromPipe(2, frame(short(CLIENT_ID, { bytes: 34 })))
    assert.deepEqual([delivered(), board.stats().admitted], [[31, 32, 33, 34], 4])
    board.steering.dismiss(link.id, udp(1))
    board.steering.dismiss(link.id, pipe(2))
    arrive(1, short(CLIENT_ID))
    board.fromPipe(2, frame(short(CLIENT_ID)))
    assert.deepEqual([delivered().length, board.stats().droppedUnknown], [4, 2])
  })

  test('a move sends by the new path, and the old one is still heard', () => {
    const { board, link, loop, udp, arrive, send, carried, delivered, sockets } = setUpLink()
    assert.equal(board.move(link.id, udp(1)), true)
    assert.deepEqual(loop.aimedAt, { address: '192.0.2.1', port: 1 })
    send(100)
    // the end of the flight is told
    assert.deepEqual([sockets.sent, carried(1)], [['0.0.0.0 -> 192.0.2.1:1 100'], [1]])
    board.fromPipe(1, frame(short(CLIENT_ID, { bytes: 41 })))
    arrive(1, short(CLIENT_ID, { bytes: 42 }))
    assert.deepEqual(delivered(), [41, 42])
    assert.equal(board.move(link.id, pipe(2)), true)
    send(200)
    assert.deepEqual([loop.aimedAt, carried(2)], [undefined, [200]])
  })

  test('an address that a plain connection has, too: each gets what is addressed to it', () => {
    const { board, dial, link, udp, flow, arrive, delivered, sockets } = setUpLink()
    const plain = flow(dial(udp(1)))
    board.sent(plain, initial({ from: 'abababababababab' }))
    assert.equal(board.move(link.id, udp(1)), true)
    assert.deepEqual([link.path, board.stats().flows], [udp(1), 2])
    arrive(1, short(CLIENT_ID, { bytes: 50 }))
    arrive(1, short('abababababababab', { bytes: 60 }))
    assert.deepEqual([delivered(), sockets.loops[1]?.delivered.map(lengthOf)], [[50], [60]])
    // an id that nobody has seen: the engine knows
    arrive(1, short(SERVER_ID, { bytes: 70 }))
    assert.deepEqual(
      [delivered(), sockets.loops[1]?.delivered.map(lengthOf)],
      [
        [50, 70],
        [60, 70]
      ]
    )
    // a further dial is the plain one's
    assert.deepEqual(dial(udp(1)), { flow: plain.id, loopbackPort: 40_001, path: udp(1) })
  })

  test('a dial to an address that only a link has is a flow of its own', () => {
    const { board, dial, link, udp } = setUpLink()
    board.move(link.id, udp(1))
    const plain = dial(udp(1))
    assert.ok(plain != null && 'flow' in plain && plain.flow !== link.id)
  })

  test('who has a link and dials us, too, reaches the server that listens; a link on its way is not kept from its own', () => {
    const { board, udp, arrive, sockets } = setUp()
    board.pipes.open(1)
    const info = call((done: (result: FlowInfo | NatError) => void) => board.serve(1, 5_000, done)) as FlowInfo
    board.move(info.flow, udp(7))
    arrive(7, initial({ to: '0101010101010101' }))
    assert.deepEqual([sockets.loops[0]?.delivered.length, sockets.openLoops], [1, 1])
    board.accept(info.loopbackPort)
    arrive(7, initial({ to: '0202020202020202' }))
    assert.deepEqual([sockets.loops[0]?.delivered.length, sockets.loops[1]?.delivered.length], [1, 1])
  })

  test('a link to which an address was only claimed does not get what somebody there opens, but what is its own', () => {
    const { board, arrive, sockets, udp } = setUp()
    board.pipes.open(1)
    const info = call((done: (result: FlowInfo | NatError) => void) => board.serve(1, 5_000, done)) as FlowInfo
    board.steering.admit(info.flow, udp(7), false)
    const first = initial({ to: '0101010101010101' })
    board.fromPipe(1, frame(first))
    arrive(7, first)
    arrive(7, initial({ to: '0202020202020202' }))
    assert.deepEqual([sockets.loops[0]?.delivered.length, sockets.loops[1]?.delivered.length], [2, 1])
    // its last packets that open a connection may come late
    board.accept(info.loopbackPort)
    arrive(7, first)
    assert.deepEqual([sockets.loops[0]?.delivered.length, sockets.openLoops], [3, 2])
  })

  test('a flow, a socket or a pipe that is gone: refused', () => {
    const { board, link, udp, socket } = setUpLink()
    const elsewhere = { kind: 'udp', socket: socket + 1, remote: { address: '192.0.2.1', port: 1 } } as const
    assert.deepEqual([board.move(99, udp(1)), board.move(link.id, elsewhere)], [false, false])
    assert.deepEqual([board.steering.admit(99, udp(1)), board.steering.admit(link.id, elsewhere)], [false, false])
    board.steering.dismiss(99, udp(1))
    board.watch(99, true)
  })

  test('a mirrored flow sends everything twice, until it moves again', () => {
    const { board, link, loop, udp, send, carried, sockets } = setUpLink()
    board.move(link.id, udp(1), pipe(1))
    send(100)
    assert.deepEqual([sockets.sent.length, carried(1), board.stats().mirrored], [1, [100], 1])
    board.move(link.id, udp(1), udp(2))
    assert.deepEqual([loop.aimedAt?.port, loop.alsoAimedAt?.port], [1, 2])
    send(200)
    assert.deepEqual(sockets.sent.slice(1), ['0.0.0.0 -> 192.0.2.1:1 200', '0.0.0.0 -> 192.0.2.1:2 200'])
    board.move(link.id, udp(1))
    send(300)
    assert.deepEqual([sockets.sent.length, loop.alsoAimedAt, board.stats().mirrored], [4, undefined, 2])
    // the same path twice is once
    board.move(link.id, udp(1), udp(1))
    send(400)
    assert.equal(sockets.sent.length, 5)
  })
})

describe('what is held after a move', () => {
  test('leaves in order, at twice the pace at which it came', () => {
    const { board, link, udp, send, sleep, clock, sockets } = setUpLink()
    board.move(link.id, udp(1), undefined, 40)
    const sentAt = new Map<number, number>()
    const look = () => {
      for (const line of sockets.sent) {
        const length = Number(line.split(' ').at(-1))
        if (!sentAt.has(length)) sentAt.set(length, clock.nowMs)
      }
    }
    for (let ms = 0; ms <= 100; ms += 10) {
      send(1_000 + ms)
      for (let i = 0; i < 10; i++) {
        sleep(clock.nowMs + 1)
        look()
      }
    }
    sleep(200)
    assert.deepEqual(
      sockets.sent.map(line => Number(line.split(' ').at(-1))),
      Array.from({ length: 11 }, (_, i) => 1_000 + 10 * i)
    )
    for (let ms = 0; ms <= 100; ms += 10) {
      // what comes later than twice the hold leaves at once, and is seen a millisecond later
      const due = ms < 80 ? 40 + ms / 2 : ms + 1
      assert.equal(sentAt.get(1_000 + ms), Math.ceil(due), `sent at ${ms}`)
    }
    assert.equal(board.stats().held, 8)
  })

  test('goes by another path when the flow moves again, or at once', () => {
    const { board, link, udp, send, carried, sleep, sockets } = setUpLink()
    board.move(link.id, udp(1), undefined, 40)
    send(101, 102)
    board.move(link.id, pipe(2), undefined, 20)
    send(103)
    assert.deepEqual([sockets.sent, carried(2)], [[], []])
    sleep(100)
    assert.deepEqual([sockets.sent, carried(2)], [[], [101, 102, 103]])
    board.move(link.id, udp(1), undefined, 40)
    send(104)
    board.move(link.id, pipe(1))
    send(105)
    assert.deepEqual([sockets.sent, carried(1)], [[], [1, 104, 105]])
  })

  test('too many of them all leave early, and nothing waits any more', () => {
    const { board, link, udp, send, sockets } = setUpLink()
    board.move(link.id, udp(1), undefined, 400)
    for (let i = 0; i < MAX_HELD; i++) send(1 + (i % 1_000))
    assert.equal(sockets.sent.length, 0)
    send(1_001, 1_002)
    const lengths = sockets.sent.map(line => Number(line.split(' ').at(-1)))
    assert.deepEqual(
      lengths.slice(0, MAX_HELD),
      Array.from({ length: MAX_HELD }, (_, i) => 1 + (i % 1_000))
    )
    assert.deepEqual(lengths.slice(MAX_HELD), [1_001, 1_002])
    assert.deepEqual([board.stats().held, board.stats().cutHolds], [MAX_HELD, 1])
  })

  test('is lost with the flow', () => {
    const { board, link, udp, send, sleep, sockets } = setUpLink()
    board.move(link.id, udp(1), undefined, 40)
    send(100)
    board.release(link.id, true)
    sleep(1_000)
    assert.deepEqual([sockets.sent, board.tick() > 1_001], [[], true])
  })
})

describe('paths that go', () => {
  test('with its socket gone a link goes on by a pipe that it is heard by, or waits for another path', () => {
    const { board, link, udp, socket, send, carried, sockets } = setUpLink()
    board.move(link.id, udp(1), udp(2))
    board.steering.admit(link.id, udp(2))
    board.unbind(socket)
    assert.deepEqual([link.path, link.also, board.stats().admitted], [pipe(1), undefined, 1])
    send(100)
    assert.deepEqual(carried(1), [1, 100])
    board.closePipe(1)
    send(200)
    assert.deepEqual([board.stats().flows, board.stats().admitted, sockets.openLoops], [1, 0, 1])
    assert.equal(board.move(link.id, pipe(2)), true)
    send(300)
    assert.deepEqual([carried(1), carried(2)], [[1, 100], [300]])
  })

  test('with the pipe gone that everything was also sent by, only that ends', () => {
    const { board, link, udp, send, sockets } = setUpLink()
    board.move(link.id, udp(1), pipe(1))
    board.closePipe(1)
    assert.deepEqual([link.path, link.also], [udp(1), undefined])
    send(100)
    assert.deepEqual([sockets.sent.length, board.stats().droppedPipe], [1, 0])
  })

  test('a link that nobody uses any more goes with its last path, one in use only when it is released', () => {
    const { board, socket, link, udp, sockets } = setUpLink()
    board.move(link.id, udp(1))
    board.closePipe(1)
    board.release(link.id, false)
    board.unbind(socket)
    assert.deepEqual([sockets.openLoops, board.stats().admitted], [0, 0])
  })

  test('silence ends no link that is in use, and every other flow', () => {
    const { board, dial, udp, sleep, link, sockets } = setUpLink()
    dial(udp(1))
    sleep(3_600_000)
    assert.deepEqual([sockets.openLoops, board.flows.get(link.id)], [1, link])
    board.release(link.id, false)
    sleep(3_602_000)
    assert.equal(sockets.openLoops, 0)
  })

  test('a thousand moves leave nothing behind', () => {
    const { board, link, udp, sleep, clock, send } = setUpLink()
    for (let i = 1; i <= 1_000; i++) {
      const before = link.path
      const path = i % 3 === 0 ? pipe(i + 2) : udp(i)
      if (path.kind === 'pipe') board.pipes.open(path.pipe)
      assert.equal(board.move(link.id, path, before, 10), true)
      send(100)
      sleep(clock.nowMs + 30)
      board.steering.dismiss(link.id, before)
      if (before.kind === 'pipe') board.closePipe(before.pipe)
    }
    assert.deepEqual([board.stats().admitted, board.stats().flows, board.stats().held], [1, 1, 1_000])
    board.release(link.id, true)
    const { admitted, flows, pipes } = board.stats()
    assert.deepEqual([admitted, flows, pipes], [0, 0, 1])
  })
})

describe('traffic', () => {
  test('of a flow that is watched is told twice a second at most, by path, and only when there was some', () => {
    const { board, link, udp, arrive, send, sleep, clock, events } = setUpLink()
    board.steering.admit(link.id, udp(1))
    board.fromPipe(1, frame(short(CLIENT_ID)))
    board.watch(link.id, true)
    sleep(10_000)
    assert.deepEqual(told(events, 'traffic'), [])
    link.sent += 3
    send(1)
    for (let i = 0; i < 5; i++) arrive(1, short(CLIENT_ID))
    board.fromPipe(1, Buffer.concat([frame(short(CLIENT_ID)), frame(stun())]))
    sleep(clock.nowMs + 500)
    const heard = [
      { path: pipe(1), count: 1 },
      { path: udp(1), count: 5 }
    ]
    assert.deepEqual(told(events, 'traffic'), [{ event: 'traffic', flow: link.id, sent: 3, heard }])
    sleep(clock.nowMs + 10_000)
    arrive(1, handshake({ to: CLIENT_ID }))
    sleep(clock.nowMs + 10_000)
    assert.deepEqual(told(events, 'traffic').slice(1), [
      { event: 'traffic', flow: link.id, sent: 0, heard: [{ path: udp(1), count: 1 }] }
    ])
    board.watch(link.id, false)
    arrive(1, short(CLIENT_ID))
    sleep(clock.nowMs + 10_000)
    assert.equal(told(events, 'traffic').length, 2)
  })
})
