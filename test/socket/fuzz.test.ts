import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Path } from '../../src/socket/path.ts'
import { frame } from '../../src/wire/datagrams.ts'
import { LIMITS, setUp } from './fake-sockets.ts'
import { handshake, initial, short, stun } from './packets.ts'

/** Few ids and few ports, so that packets meet flows and each other. */
const ids = fc.constantFrom('', 'c1c1c1c1c1c1c1c1', '5e5e5e5e5e5e5e5e', '0f0f0f0f0f0f0f0f', 'ab'.repeat(20))
const ports = fc.integer({ min: 0, max: 7 })

const wellFormed = fc
  .tuple(
    fc.constantFrom(initial, handshake),
    ids,
    ids,
    fc.constantFrom(0, 1, 0x6b3343cf),
    fc.constantFrom(0, 40, 1_200)
  )
  .map(([packet, to, from, version, bytes]) => packet({ to, from, version, bytes }))
const shortHeaders = fc.tuple(ids, fc.boolean()).map(([to, greased]) => short(to, { greased }))
const anything = fc.uint8Array({ maxLength: 1_400 }).map(bytes => Buffer.from(bytes))
const stunLike = fc.constant(null).map(() => stun())
const spoiled = fc
  .tuple(fc.oneof(wellFormed, shortHeaders, stunLike), fc.nat(), fc.nat(255), fc.nat())
  .map(([bytes, at, value, cut]) => {
    const copy = Buffer.from(bytes.subarray(0, cut % (bytes.length + 1)))
    if (copy.length > 0) copy[at % Math.min(40, copy.length)] = value
    return copy
  })
const packets = fc.oneof(wellFormed, shortHeaders, stunLike, anything, spoiled)

type World = ReturnType<typeof setUp>
const flows = (world: World) => [...world.board.flows.all()]
const pick = (world: World, n: number) => flows(world)[n % Math.max(1, world.board.flows.size)]

/** A port of the peer, or a pipe. */
const paths = fc.oneof(fc.record({ port: fc.integer({ min: 1, max: 7 }) }), fc.record({ pipe: fc.nat(2) }))

/** Everything that the network, the engine and the main thread can do to a board. */
const deeds = fc.oneof(
  fc.record({ do: fc.constant('arrive' as const), port: ports, bytes: packets }),
  fc.record({ do: fc.constant('fromEngine' as const), flow: fc.nat(9), bytes: packets }),
  fc.record({ do: fc.constant('fromPipe' as const), pipe: fc.nat(2), bytes: packets }),
  fc.record({ do: fc.constant('dial' as const), port: fc.integer({ min: 1, max: 7 }), punch: fc.boolean() }),
  fc.record({ do: fc.constant('dialPipe' as const), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('release' as const), flow: fc.nat(9), now: fc.boolean() }),
  fc.record({ do: fc.constant('openPipe' as const), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('closePipe' as const), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('serve' as const), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('admit' as const), flow: fc.nat(9), path: paths }),
  fc.record({ do: fc.constant('dismiss' as const), flow: fc.nat(9), path: paths }),
  fc.record({
    do: fc.constant('move' as const),
    flow: fc.nat(9),
    path: paths,
    also: fc.option(paths, { nil: undefined }),
    holdMs: fc.constantFrom(0, 0, 5, 300)
  }),
  fc.record({ do: fc.constant('watch' as const), flow: fc.nat(9), on: fc.boolean() }),
  fc.record({ do: fc.constant('accept' as const), loopbackPort: fc.integer({ min: 40_000, max: 40_009 }) }),
  fc.record({ do: fc.constant('scarcity' as const), exhausted: fc.boolean() }),
  fc.record({ do: fc.constant('time' as const), ms: fc.nat(20_000) })
)
type Deed = typeof deeds extends fc.Arbitrary<infer T> ? T : never

const pathOf = ({ udp }: World, path: { port: number } | { pipe: number }): Path =>
  'port' in path ? udp(path.port) : { kind: 'pipe', pipe: path.pipe }

function perform(world: World, deed: Deed): void {
  const { sockets, board, arrive, dial, udp, sleep, clock } = world
  switch (deed.do) {
    case 'arrive':
      arrive(deed.port, deed.bytes)
      return
    case 'fromEngine': {
      const flow = pick(world, deed.flow)
      if (flow == null) return
      board.sent(flow, deed.bytes)
      board.send(flow, deed.bytes)
      board.pipes.flush()
      return
    }
    case 'fromPipe':
      // half of them broken
      board.fromPipe(deed.pipe, deed.bytes.length % 2 === 1 ? frame(deed.bytes) : deed.bytes)
      return
    case 'openPipe':
      board.pipes.open(deed.pipe)
      return
    case 'closePipe':
      board.closePipe(deed.pipe)
      return
    case 'serve':
      board.serve(deed.pipe, 5_000, () => {})
      return
    case 'dial':
      dial(udp(deed.port), deed.punch)
      return
    case 'dialPipe':
      dial({ kind: 'pipe', pipe: deed.pipe })
      return
    case 'release':
      board.release(pick(world, deed.flow)?.id ?? deed.flow, deed.now)
      return
    case 'admit':
      board.steering.admit(pick(world, deed.flow)?.id ?? deed.flow, pathOf(world, deed.path))
      return
    case 'dismiss':
      board.steering.dismiss(pick(world, deed.flow)?.id ?? deed.flow, pathOf(world, deed.path))
      return
    case 'move': {
      const also = deed.also == null ? undefined : pathOf(world, deed.also)
      board.move(pick(world, deed.flow)?.id ?? deed.flow, pathOf(world, deed.path), also, deed.holdMs)
      return
    }
    case 'watch':
      board.watch(pick(world, deed.flow)?.id ?? deed.flow, deed.on)
      return
    case 'accept':
      board.accept(deed.loopbackPort)
      return
    case 'scarcity':
      sockets.exhausted = deed.exhausted
      return
    case 'time':
      sleep(clock.nowMs + deed.ms)
      return
    default:
      deed satisfies never
  }
}

test('whatever arrives in whatever order: nothing throws, tables stay bounded, and everything is freed', () => {
  fc.assert(
    fc.property(fc.array(deeds, { maxLength: 100, size: 'max' }), all => {
      const world = setUp()
      const { sockets, board, sleep, clock } = world
      for (const deed of all) {
        perform(world, deed)
        assert.ok(board.flows.size <= LIMITS.maxFlows)
        assert.equal(sockets.openLoops, board.flows.size)
        assert.equal(
          board.stats().admitted,
          flows(world).reduce((sum, { paths }) => sum + paths.length, 0)
        )
        for (const flow of flows(world)) {
          assert.ok(flow.handle.open)
          assert.ok(flow.ids.size <= 64)
          // each is found by all of its paths
          for (const entry of flow.paths) {
            const { path, key } = entry
            if (path.kind === 'pipe') assert.equal(board.flows.byPipe(path.pipe), entry)
            else assert.ok(board.flows.at(path.socket, key!).includes(entry))
          }
        }
      }
      // links are freed by those who use them, others in use by silence, as if their engine had died
      for (const flow of flows(world)) while (flow.keep && flow.uses > 0) board.release(flow.id, false)
      sleep(clock.nowMs + 91_000)
      assert.deepEqual([sockets.openLoops, board.flows.size, board.stats().admitted], [0, 0, 0])
      assert.equal(board.accept(40_000), null)
      assert.equal(board.tick() - clock.nowMs <= 500, true)
      sockets.exhausted = false
      assert.ok('flow' in (world.dial(world.udp(1)) ?? {}))
    }),
    { numRuns: 500 }
  )
})
