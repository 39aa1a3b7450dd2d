import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
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

/** Everything that the network, the engine and the main thread can do to a board. */
const deeds = fc.oneof(
  fc.record({ do: fc.constant('arrive' as const), port: ports, bytes: packets }),
  fc.record({ do: fc.constant('fromEngine' as const), flow: fc.nat(9), bytes: packets }),
  fc.record({ do: fc.constant('fromPipe' as const), pipe: fc.nat(2), bytes: packets }),
  fc.record({ do: fc.constant('dial' as const), port: fc.integer({ min: 1, max: 7 }), punch: fc.boolean() }),
  fc.record({ do: fc.constant('dialPipe' as const), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('release' as const), flow: fc.nat(9), now: fc.boolean() }),
  fc.record({ do: fc.constant('moveToPipe' as const), flow: fc.nat(9), pipe: fc.nat(2) }),
  fc.record({ do: fc.constant('moveToPort' as const), flow: fc.nat(9), port: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ do: fc.constant('accept' as const), loopbackPort: fc.integer({ min: 40_000, max: 40_009 }) }),
  fc.record({ do: fc.constant('scarcity' as const), exhausted: fc.boolean() }),
  fc.record({ do: fc.constant('time' as const), ms: fc.nat(20_000) })
)
type Deed = typeof deeds extends fc.Arbitrary<infer T> ? T : never

function perform(world: World, deed: Deed): void {
  const { sockets, board, arrive, dial, udp, sleep, clock } = world
  switch (deed.do) {
    case 'arrive':
      arrive(deed.port, deed.bytes)
      return
    case 'fromEngine': {
      const flow = pick(world, deed.flow)
      if (flow != null) board.sent(flow, deed.bytes)
      return
    }
    case 'fromPipe':
      board.fromPipe(deed.pipe, deed.bytes)
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
    case 'moveToPipe':
      board.move(pick(world, deed.flow)?.id ?? deed.flow, { kind: 'pipe', pipe: deed.pipe })
      return
    case 'moveToPort':
      board.move(pick(world, deed.flow)?.id ?? deed.flow, udp(deed.port))
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
        for (const flow of flows(world)) {
          assert.ok(flow.handle.open)
          assert.ok(flow.ids.size <= 64)
        }
      }
      // those in use are freed by silence, as if their engine had died
      sleep(clock.nowMs + 91_000)
      assert.deepEqual([sockets.openLoops, board.flows.size], [0, 0])
      assert.equal(board.accept(40_000), null)
      assert.equal(board.tick() - clock.nowMs <= 500, true)
      sockets.exhausted = false
      assert.ok('flow' in (world.dial(world.udp(1)) ?? {}))
    }),
    { numRuns: 500 }
  )
})
