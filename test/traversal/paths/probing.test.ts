import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LIMITS } from '../../../src/traversal/paths/limits.ts'
import { type Side, SYMMETRIC, twoNats, World } from './world.ts'

const MINE = 'mine'
const FURTHER = 7
const NOTHING: ReadonlySet<string> = new Set()
const techniques = new Set(['direct', 'local', 'reverse', 'punch-quic', 'punch-tcp', MINE])

async function connected(world: World): Promise<void> {
  await world.prepare()
  await world.connect()
  await world.advance(200)
}

const attempts = (side: Side) =>
  side.ofType('attempt').map(({ attempt: { technique, outcome, reason } }) => `${technique} ${outcome} ${reason}`)

describe('a plan says what is checked', () => {
  it('nothing, before it says so; from then on each technique by itself', async () => {
    using world = new World(twoNats(), { techniques, checking: NOTHING })
    await connected(world)
    await world.advance(5_000)
    assert.deepEqual([...world.a.checks.keys()], ['pipe'], 'no check by UDP')
    assert.deepEqual(attempts(world.a), [])
    for (const side of [world.a, world.b]) side.feed({ type: 'check', technique: 'direct', on: true })
    await world.advance(5_000)
    assert.deepEqual(attempts(world.a), ['direct skipped no-peer-address'])
    for (const side of [world.a, world.b]) side.feed({ type: 'check', technique: 'punch-quic', on: true })
    await world.advance(1_000)
    assert.equal(attempts(world.a).at(-1), 'punch-quic ok connected')
    assert.deepEqual(
      world.a.ofType('found').map(({ technique }) => technique),
      ['punch-quic']
    )
    assert.deepEqual(
      world.a.ofType('direct').map(({ on }) => on),
      [true]
    )
  })

  it('TCP when its turn comes, and not before', async () => {
    using world = new World(twoNats(SYMMETRIC, SYMMETRIC), { techniques, checking: NOTHING })
    await connected(world)
    await world.advance(5_000)
    assert.deepEqual(attempts(world.a), [])
    world.a.feed({ type: 'check', technique: 'punch-tcp', on: true })
    assert.deepEqual(attempts(world.a), ['punch-tcp skipped no-own-address'])
  })

  it('one that may not be used is not, whatever the plan says', async () => {
    using world = new World(twoNats(), { techniques: new Set(['direct']), checking: NOTHING })
    await connected(world)
    for (const side of [world.a, world.b]) side.feed({ type: 'check', technique: 'punch-quic', on: true })
    await world.advance(5_000)
    assert.deepEqual(world.a.route, ['relay'])
  })

  it('the loss of the direct path is told', async () => {
    using world = new World(twoNats())
    await connected(world)
    await world.advance(1_000)
    world.sim.setBlockUdp('nb', true)
    world.a.talk(20)
    await world.advance(10_000)
    assert.deepEqual(
      world.a.ofType('direct').map(({ on }) => on),
      [true, false]
    )
  })
})

describe('probes', () => {
  /** B's NAT has another port for each peer: it opens a further socket, and A guesses right at once. */
  async function met(world: World): Promise<{ address: string; port: number }> {
    await connected(world)
    await world.b.open(FURTHER, 5_000)
    world.b.feed({ type: 'technique-sockets', technique: MINE, sockets: [FURTHER] })
    const [observed] = world.a.candidates
    let seen: { address: string; port: number } | undefined
    const { socket } = world.a
    const off = socket!.onPacket((_, from) => {
      if (from.address !== world.a.candidates[0]?.address) seen = from
    })
    // without a filter A hears where it comes from, which stands for a guess
    world.b.feed({ type: 'probe', technique: MINE, socket: FURTHER, to: observed! })
    await world.advance(200)
    off()
    return seen!
  }
  const open = { filtering: 'endpoint-independent' }

  it('what is answered is a path by that socket, and the link goes over it', async () => {
    using world = new World(twoNats(open, SYMMETRIC), { techniques, checking: NOTHING })
    const at = await met(world)
    await world.advance(2_000)
    assert.equal(at.address, world.sim.host('b').publicIp)
    const found = world.b.ofType('found').map(({ technique, path }) => [technique, path.path])
    assert.deepEqual(found, [
      [MINE, { kind: 'udp', socket: FURTHER, remote: { address: '11.1.0.10', port: world.a.candidates[0]!.port } }]
    ])
    const last = world.b.ofType('path').at(-1)
    assert.deepEqual([last?.to.kind, last?.to.technique], ['direct', MINE])
    world.b.say()
    await world.advance(500)
    assert.equal(world.a.received, 1, 'data goes by it')
  })

  it('candidates that change leave such a path alone; a socket that is closed ends it', async () => {
    using world = new World(twoNats(open, SYMMETRIC), { techniques, checking: NOTHING })
    await met(world)
    await world.advance(2_000)
    world.b.feed({ type: 'candidates', candidates: [] })
    world.b.feed({ type: 'message', message: { type: 'CANDIDATES', seq: 9, candidates: [] } })
    await world.advance(100)
    assert.equal(world.b.agent.current?.technique, MINE)
    world.b.feed({ type: 'technique-sockets', technique: MINE, sockets: [] })
    await world.advance(100)
    assert.equal(world.b.agent.current?.kind, 'relay')
  })

  it('by a socket that was never named: the answer counts, until the pairs are made anew', async () => {
    using world = new World(twoNats(open, SYMMETRIC), { techniques, checking: NOTHING })
    await connected(world)
    await world.b.open(FURTHER, 5_000)
    world.b.feed({ type: 'probe', technique: MINE, socket: FURTHER, to: world.a.candidates[0]! })
    await world.advance(2_000)
    assert.equal(world.b.agent.current?.technique, MINE)
    world.b.feed({ type: 'candidates', candidates: [] })
    await world.advance(100)
    assert.equal(world.b.agent.current?.kind, 'relay')
  })

  it('a flood of them is remembered in bounded memory', async () => {
    using world = new World(twoNats(), { techniques, checking: NOTHING })
    await connected(world)
    for (let port = 1; port <= 20_000; port++) {
      world.a.feed({ type: 'probe', technique: MINE, socket: 1, to: { address: '11.77.0.1', port } })
    }
    assert.ok(world.a.agent.size <= LIMITS.probes + 50, `${world.a.agent.size}`)
    world.a.feed({
      type: 'technique-sockets',
      technique: MINE,
      sockets: Array.from({ length: 10_000 }, (_, i) => i + 100)
    })
    assert.equal(world.a.ofType('use').length, 1)
  })
})

describe('an address that a technique knows of', () => {
  it('is checked though nobody has named it', async () => {
    using world = new World(twoNats({ filtering: 'endpoint-independent' }), { techniques, checking: NOTHING })
    await connected(world)
    world.b.feed({ type: 'target', technique: MINE, to: world.a.candidates[0]! })
    await world.advance(2_000)
    assert.equal(world.b.agent.current?.technique, MINE)
  })

  for (const to of [
    { address: 'example.org', port: 1 },
    { address: '11.0.0.1', port: 0 },
    { address: '11.0.0.1', port: 70_000 }
  ]) {
    it(`${to.address} ${to.port} is none`, async () => {
      using world = new World(twoNats(), { techniques, checking: NOTHING })
      await connected(world)
      const before = world.a.agent.size
      world.a.feed({ type: 'target', technique: MINE, to })
      assert.equal(world.a.agent.size, before)
    })
  }

  it('of too many only some', async () => {
    using world = new World(twoNats(), { techniques, checking: NOTHING })
    await connected(world)
    const before = world.a.agent.size
    for (let i = 1; i < 100; i++)
      world.a.feed({ type: 'target', technique: MINE, to: { address: '11.0.0.1', port: i } })
    assert.ok(world.a.agent.size <= before + 4 * LIMITS.targets)
  })

  it('is of no use any more in another network, and leaves its place', async () => {
    using world = new World(twoNats({ filtering: 'endpoint-independent' }), { techniques, checking: NOTHING })
    await connected(world)
    for (let i = 1; i <= LIMITS.targets; i++)
      world.b.feed({ type: 'target', technique: MINE, to: { address: '11.0.0.1', port: i } })
    world.b.feed({ type: 'network-changed' })
    world.b.feed({ type: 'target', technique: MINE, to: world.a.candidates[0]! })
    await world.advance(2_000)
    assert.equal(world.b.agent.current?.technique, MINE)
  })
})
