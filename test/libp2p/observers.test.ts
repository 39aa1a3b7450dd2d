import assert from 'node:assert/strict'
import test from 'node:test'
import type { Connection, IdentifyResult, Libp2pEvents, PeerId } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { VirtualClock } from '../../src/core/clock.ts'
import { Events } from '../../src/core/events.ts'
import { seededRandom } from '../../src/core/random.ts'
import { OBSERVERS, Observers, type ObserversInit } from '../../src/libp2p/observers.ts'
import { punchable } from '../../src/libp2p/punchable.ts'
import type { TechniqueName } from '../../src/traversal/attempt.ts'
import { HOP_PROTOCOL } from '../../src/wire/circuit.ts'

const HOUR_MS = 3_600_000
const RELAYS = [
  '12D3KooWKFnoPGkBhzBS6uDsHQEu3xPViSF5nJN9wUmhvCNfxNNu',
  '12D3KooWRyhsDdVHaTSzQhDykYe8MZMmDuKDmvkUvt8ZNNiKvn1q'
] as const
const QUIC = '/ip4/11.1.0.10/udp/4001/quic-v1'
const TCP = '/ip4/11.1.0.10/tcp/4001'

class FakeConnection extends EventTarget {
  status: Connection['status'] = 'open'
  readonly direct = true
  readonly streams: Array<{ protocol: string }> = []
  readonly remoteAddr: Multiaddr
  readonly direction: Connection['direction']
  /** Which port of ours it leaves from: each kind of socket counts its own. */
  readonly port: number

  constructor(remoteAddr: Multiaddr, port: number, direction: Connection['direction'] = 'outbound') {
    super()
    this.remoteAddr = remoteAddr
    this.port = port
    this.direction = direction
  }

  async close(): Promise<void> {
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

/** A node and its relays in virtual time; every dial is written down. */
class World {
  readonly clock = new VirtualClock()
  readonly events = new TypedEventEmitter<Libp2pEvents>()
  readonly dials: Array<readonly [number, string]> = []
  readonly connections = new Map<string, FakeConnection[]>()
  mode: 'answers' | 'refuses' | 'silent' | 'hangs up' = 'answers'
  canPunch = true
  readonly #ports = { quic: 1, tcp: 1 }
  readonly #moves = new Events<{ quic: undefined; tcp: undefined }>()
  readonly observers: Observers

  constructor(techniques?: readonly TechniqueName[]) {
    const components = {
      events: this.events,
      connectionManager: {
        getConnections: (peer?: PeerId) =>
          (peer == null ? [...this.connections.keys()] : [`${peer}`]).flatMap(each => this.at(each))
      },
      transportManager: {
        dial: (to: Multiaddr, { signal }: { signal: AbortSignal }) => this.#dial(to, signal),
        getTransports: () => [this.#transport('quic'), this.#transport('tcp')]
      }
    } as unknown as ObserversInit['components']
    this.observers = new Observers({
      components,
      clock: this.clock,
      random: seededRandom(1),
      log: defaultLogger().forComponent('test'),
      ...(techniques == null ? {} : { techniques: new Set(techniques) })
    })
    this.observers.start()
  }

  at(relay: string): FakeConnection[] {
    return (this.connections.get(relay) ?? []).filter(({ status }) => status === 'open')
  }

  /** We are connected to a relay, and it has said what it listens on. */
  reach(relay: string, over: string, listens: readonly string[], more: Partial<IdentifyResult> = {}): FakeConnection {
    const connection = this.#open(relay, multiaddr(over))
    this.identify(relay, connection, listens, more)
    return connection
  }

  identify(relay: string, connection: object, listens: readonly string[], more: Partial<IdentifyResult> = {}): void {
    const listenAddrs = listens.map(text => multiaddr(text))
    const peerId = { toString: () => relay }
    const detail = { connection, peerId, protocols: [HOP_PROTOCOL], listenAddrs, ...more } as unknown as IdentifyResult
    this.events.dispatchEvent(new CustomEvent('peer:identify', { detail }))
  }

  move(kind: 'quic' | 'tcp'): void {
    this.#ports[kind]++
    this.#moves.emit(kind, undefined)
  }

  /** Where to, in order. */
  get dialled(): string[] {
    return this.dials.map(([, to]) => to)
  }

  /** Everything ends: nothing may be left on the clock. */
  async stop(): Promise<void> {
    this.observers.stop()
    await this.clock.advance(0)
    assert.equal(this.clock.pending, 0, 'a timer is left')
  }

  #open(relay: string, to: Multiaddr): FakeConnection {
    const connection = new FakeConnection(to, this.#ports[kindOf(to)])
    this.connections.set(relay, [...this.at(relay), connection])
    return connection
  }

  async #dial(to: Multiaddr, signal: AbortSignal): Promise<FakeConnection> {
    this.dials.push([this.clock.now(), `${to}`])
    const relay = /p2p\/(\w+)$/.exec(`${to}`)?.[1]
    assert.ok(relay != null, 'dialled without the id of the relay')
    if (this.mode === 'refuses') throw new Error('refused')
    if (this.mode === 'silent') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const connection = this.#open(relay, to)
    if (this.mode === 'hangs up') await connection.close()
    return connection
  }

  #transport(kind: 'quic' | 'tcp') {
    return {
      [punchable]: {
        technique: `punch-${kind}`,
        simultaneous: kind === 'tcp',
        canPunch: (to: Multiaddr) => this.canPunch && kindOf(to) === kind,
        observes: ({ remoteAddr, port }: FakeConnection) => kindOf(remoteAddr) === kind && port === this.#ports[kind],
        onMoved: (listener: () => void) => this.#moves.on(kind, listener)
      }
    }
  }
}

function kindOf(address: Multiaddr): 'quic' | 'tcp' {
  return address.toString().includes('/quic-v1') ? 'quic' : 'tcp'
}

const [RELAY, OTHER] = RELAYS

for (const [over, other] of [
  [TCP, QUIC],
  [QUIC, TCP]
] as const) {
  test(`a relay reached by ${over} gets a connection to ${other}, once, and it is kept`, async () => {
    const world = new World()
    world.reach(RELAY, over, [QUIC, TCP])
    await world.clock.advance(HOUR_MS)
    assert.deepEqual(world.dialled, [`${other}/p2p/${RELAY}`])
    assert.equal(world.at(RELAY).length, 2)
    await world.stop()
  })
}

const moments: ReadonlyArray<readonly [string, number, readonly TechniqueName[] | undefined]> = [
  [QUIC, OBSERVERS.laterMs, undefined],
  [QUIC, OBSERVERS.laterMs, ['punch-quic', 'punch-tcp']],
  [QUIC, 0, ['reverse', 'punch-tcp']],
  [TCP, 0, undefined],
  [TCP, 0, ['punch-tcp']]
]
for (const [over, waitMs, techniques] of moments) {
  test(`by ${over}, ${techniques?.join(' and ') ?? 'everything'} allowed: the other one after ${waitMs} ms`, async () => {
    const world = new World(techniques)
    world.reach(RELAY, over, [QUIC, TCP])
    await world.clock.advance(HOUR_MS)
    assert.deepEqual(
      world.dials.map(([atMs]) => atMs),
      [waitMs]
    )
    await world.stop()
  })
}

test('stopped while TCP waits: no dial follows', async () => {
  const world = new World()
  world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(OBSERVERS.laterMs - 1)
  await world.stop()
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(world.dials, [])
})

const strangers: ReadonlyArray<readonly [string, string, readonly string[], object]> = [
  ['it came to us', TCP, [QUIC], { connection: { direction: 'inbound', direct: true, remoteAddr: multiaddr(TCP) } }],
  ['over a relay', TCP, [QUIC], { connection: { direction: 'outbound', direct: false, remoteAddr: multiaddr(TCP) } }],
  ['it is no relay', TCP, [QUIC], { protocols: ['/ipfs/ping/1.0.0'] }],
  ['it names another host', TCP, ['/ip4/11.9.9.9/udp/4001/quic-v1'], {}],
  ['it names a private host', TCP, ['/ip4/192.168.1.1/udp/4001/quic-v1'], {}],
  ['it names nothing', TCP, [], {}],
  ['behind more addresses than anybody has', TCP, [...Array(32).fill('/ip4/11.9.9.9/udp/1/quic-v1'), QUIC], {}]
]
for (const [what, over, listens, more] of strangers) {
  test(`not asked: ${what}`, async () => {
    const world = new World()
    world.reach(RELAY, over, listens, more as Partial<IdentifyResult>)
    await world.clock.advance(HOUR_MS)
    // what we reached it by sees one of our sockets already
    assert.deepEqual(world.dialled, [])
    await world.stop()
  })
}

test('a relay known by name may name any public host, and no other', async () => {
  const world = new World()
  world.reach(RELAY, '/dns4/hub.example/tcp/443', ['/ip4/127.0.0.1/udp/4001/quic-v1', QUIC])
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(world.dialled, [`${QUIC}/p2p/${RELAY}`])
  await world.stop()
})

for (const mode of ['refuses', 'silent', 'hangs up'] as const) {
  test(`an address that ${mode}: asked again ever more seldom, and never in a tight loop`, async () => {
    const world = new World()
    world.mode = mode
    world.reach(RELAY, TCP, [QUIC])
    await world.clock.advance(24 * HOUR_MS)
    const pauses = world.dials.slice(1).map(([atMs], i) => atMs - world.dials[i]![0])
    assert.ok(pauses[0]! >= OBSERVERS.firstRetryMs, `the first retry after ${pauses[0]} ms`)
    assert.ok(Math.max(...pauses) <= OBSERVERS.maxRetryMs + OBSERVERS.dialMs)
    assert.ok(Math.min(...pauses.slice(-10)) >= OBSERVERS.maxRetryMs / 2)
    assert.ok(world.dials.length < 600, `${world.dials.length} dials in a day`)
    await world.stop()
  })
}

test('a kept connection that breaks is made anew at once; the pauses begin again from the first', async () => {
  const world = new World()
  world.reach(RELAY, TCP, [QUIC])
  await world.clock.advance(HOUR_MS)
  for (let i = 0; i < 5; i++) {
    await world.at(RELAY)[1]!.close()
    await world.clock.advance(OBSERVERS.firstRetryMs)
    assert.equal(world.at(RELAY).length, 2)
    await world.clock.advance(HOUR_MS)
  }
  assert.equal(world.dials.length, 6)
  await world.stop()
})

test('the port moves: the relay is dialled anew, and the old connection goes, as often as that happens', async () => {
  const world = new World()
  world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(HOUR_MS)
  for (let moves = 1; moves <= 100; moves++) {
    world.move('tcp')
    await world.clock.advance(1_000)
    assert.equal(world.dials.length, 1 + moves)
    await world.clock.advance(60_000)
    assert.equal(world.at(RELAY).length, 2, 'one by QUIC, one by TCP')
  }
  await world.stop()
})

test('what the application runs on is not taken away from it', async () => {
  const world = new World()
  const first = world.reach(RELAY, TCP, [QUIC, TCP])
  await world.clock.advance(0)
  world.move('tcp')
  await world.clock.advance(1_000)
  const second = world.at(RELAY).at(-1)!
  second.streams.push({ protocol: '/chat' })
  world.move('tcp')
  await world.clock.advance(60_000)
  assert.deepEqual([first.status, second.status], ['open', 'open'], 'the first one is not ours to close either')
  second.streams.length = 0
  await world.clock.advance(60_000)
  assert.deepEqual([first.status, second.status], ['open', 'closed'])
  await world.stop()
})

test('the relay goes, and nobody dials it any more; it comes back, and is asked again', async () => {
  const world = new World()
  world.reach(RELAY, TCP, [QUIC])
  await world.clock.advance(HOUR_MS)
  for (const connection of world.at(RELAY)) await connection.close()
  await world.clock.advance(24 * HOUR_MS)
  assert.equal(world.dials.length, 1)
  assert.equal(world.clock.pending, 0)
  world.reach(RELAY, TCP, [QUIC])
  await world.clock.advance(HOUR_MS)
  assert.equal(world.dials.length, 2)
  await world.stop()
})

test('a relay that identifies itself again and again is asked once', async () => {
  const world = new World()
  const connection = world.reach(RELAY, TCP, [QUIC])
  for (let i = 0; i < 1_000; i++) world.identify(RELAY, connection, [QUIC])
  await world.clock.advance(HOUR_MS)
  assert.equal(world.dials.length, 1)
  await world.stop()
})

test('a thousand relays: eight are asked, and the next one when one has gone', async () => {
  const world = new World()
  for (let i = 0; i < 1_000; i++) world.reach(RELAY.slice(0, -4) + `${1_000 + i}`.replaceAll('0', 'Z'), TCP, [QUIC])
  await world.clock.advance(HOUR_MS)
  assert.equal(world.dials.length, OBSERVERS.maxRelays)
  for (const each of world.connections.values().next().value ?? []) await each.close()
  await world.clock.advance(HOUR_MS)
  world.reach(OTHER, TCP, [QUIC])
  await world.clock.advance(HOUR_MS)
  assert.equal(world.dialled.at(-1), `${QUIC}/p2p/${OTHER}`)
  await world.stop()
})

test('the first dial finds out that this system cannot punch so: no second one', async () => {
  const world = new World()
  world.mode = 'answers'
  world.reach(RELAY, QUIC, [QUIC, TCP])
  world.canPunch = false
  await world.clock.advance(HOUR_MS)
  assert.equal(world.dials.length, 1)
  assert.equal(world.at(RELAY).length, 1, 'what is of no use is closed')
  await world.stop()
})

for (const mode of ['silent', 'refuses', 'answers'] as const) {
  test(`stopped while the relay ${mode}: no dial, no timer follows`, async () => {
    const world = new World()
    world.mode = mode
    world.reach(RELAY, TCP, [QUIC])
    await world.clock.advance(50)
    await world.stop()
    const before = world.dials.length
    world.reach(OTHER, TCP, [QUIC])
    await world.clock.advance(HOUR_MS)
    assert.equal(world.dials.length, before)
  })
}

test('our network changes: the relay is dialled anew once we are connected to it anew, and what was dialled before goes', async () => {
  const world = new World()
  const first = world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(HOUR_MS)
  const [, before] = world.at(RELAY)
  world.observers.networkChanged()
  await world.clock.advance(60_000)
  assert.equal(world.dials.length, 1, 'nobody knows whether there is a way to the relay')
  assert.equal(before!.status, 'closed')
  assert.equal(first.status, 'open', 'not ours to close')
  world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(HOUR_MS)
  assert.deepEqual(world.dialled, Array(2).fill(`${TCP}/p2p/${RELAY}`))
  await world.stop()
})

test('our network changes while a relay is being dialled: that dial ends', async () => {
  const world = new World()
  world.mode = 'silent'
  world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(1_000)
  world.observers.networkChanged()
  world.mode = 'answers'
  await world.clock.advance(0)
  world.reach(RELAY, QUIC, [QUIC, TCP])
  await world.clock.advance(OBSERVERS.laterMs)
  assert.deepEqual(world.dialled, Array(2).fill(`${TCP}/p2p/${RELAY}`))
  assert.deepEqual(
    world.at(RELAY).map(({ remoteAddr }) => kindOf(remoteAddr)),
    ['quic', 'quic', 'tcp']
  )
  await world.stop()
})
