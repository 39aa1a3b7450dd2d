import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Events } from '../../../src/core/events.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { Technique } from '../../../src/traversal/technique.ts'
import { BUILT_IN } from '../../../src/traversal/techniques/index.ts'
import { localAmong } from '../../../src/traversal/techniques/local.ts'
import { NEIGHBOURS } from './places.ts'
import type { Side } from './side.ts'
import { World } from './world.ts'

/** What multicast DNS tells. */
class Lan {
  readonly #known = new Map<string, Endpoint[]>()
  readonly #events = new Events<{ change: string }>()
  listeners = 0

  of(peer: string): readonly Endpoint[] {
    return this.#known.get(peer) ?? []
  }

  onChange(listener: (peer: string) => void): () => void {
    const off = this.#events.on('change', listener)
    this.listeners++
    return () => {
      this.listeners--
      off()
    }
  }

  hear(peer: string, ...endpoints: readonly Endpoint[]): void {
    this.#known.set(peer, [...endpoints])
    this.#events.emit('change', peer)
  }
}

/** Two in one LAN whose addresses do not tell so: it has two ways out. */
async function stage(techniques: readonly Technique[]) {
  const world = new World(NEIGHBOURS['one home'], { a: { techniques } })
  await world.prepare()
  const { value } = world.b.summary
  world.b.summary.set({ ...value!, publicAddresses: ['11.99.0.1'] })
  for (const side of [world.a, world.b]) {
    side.candidates.set(side.candidates.value.filter(({ kind }) => kind !== 'host'))
  }
  return world
}

const among = (lan: Lan) => BUILT_IN.map(each => (each.name === 'local' ? localAmong(lan) : each))
const at = (side: Side): Endpoint => ({ address: side.host.ip, port: 4_001 })
const checksTo = (world: World, address: string) => world.a.network.hosts.has(address)

describe('a neighbour who is heard when the plan has been made', () => {
  it('is found: what was passed over fits now', async () => {
    const lan = new Lan()
    using world = await stage(among(lan))
    await world.connect()
    await world.advance(20_000)
    assert.deepEqual([world.a.route, world.a.outcomes('local')], ['relay', ['skipped other-network']])
    lan.hear('carol', at(world.b))
    await world.advance(1_000)
    assert.equal(world.a.route, 'relay', 'that is somebody else')
    lan.hear('b', at(world.b))
    await world.advance(1_000)
    assert.deepEqual([world.a.route, world.b.route], ['local', 'local'])
    assert.ok(await world.carries())
    assert.equal(await world.leftovers(), 0)
    assert.equal(lan.listeners, 0)
  })

  it('is looked for again where he was not found before', async () => {
    const lan = new Lan()
    using world = await stage(among(lan))
    lan.hear('b', { ...at(world.b), port: 9 })
    await world.connect()
    await world.until(() => world.a.outcomes('local').length > 0, 60_000)
    assert.deepEqual(world.a.outcomes('local'), ['failed no-answer'])
    await world.advance(5_000)
    lan.hear('b', at(world.b))
    await world.advance(1_000)
    assert.equal(world.a.route, 'local')
  })

  it('and is called by a thousand names is looked for a few times', async () => {
    const lan = new Lan()
    let fits = 0
    const counting = among(lan).map(each => {
      return each.name === 'local'
        ? { ...each, fits: () => ({ fits: fits++ < 0, why: 'other-network' as const }) }
        : each
    })
    using world = await stage(counting)
    await world.connect()
    await world.advance(20_000)
    const before = fits
    for (let n = 0; n < 1_000; n++) lan.hear('b', { address: '192.168.1.77', port: 1_024 + n })
    await world.advance(1_000)
    assert.ok(fits - before <= 10, `${fits - before} plans`)
    assert.equal(checksTo(world, '192.168.1.77'), false)
  })

  it('by a technique that throws when it is listened to: the others go on', async () => {
    const bad: Technique = {
      ...BUILT_IN.find(({ name }) => name === 'local')!,
      onChange: () => {
        throw new Error('on purpose')
      }
    }
    using world = await stage(BUILT_IN.map(each => (each.name === 'local' ? bad : each)))
    await world.connect()
    await world.advance(20_000)
    assert.equal(world.a.traversal.tried, true)
  })
})
