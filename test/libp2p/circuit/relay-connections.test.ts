import assert from 'node:assert/strict'
import test from 'node:test'
import type { Connection, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sleep, VirtualClock } from '../../../src/core/clock.ts'
import { preferred } from '../../../src/libp2p/circuit/connect.ts'
import type { CircuitComponents } from '../../../src/libp2p/circuit/context.ts'
import { RelayConnections } from '../../../src/libp2p/circuit/relay-connections.ts'
import { HOP_PROTOCOL } from '../../../src/wire/circuit.ts'

const QUIC = '/ip4/11.1.0.10/udp/4001/quic-v1'
const TCP = '/ip4/11.1.0.10/tcp/4001'

interface Fake {
  readonly name: string
  readonly remoteAddr: Multiaddr
  readonly timeline: { readonly open: number }
  direct: boolean
  status: string
  streams: { protocol: string }[]
  close(): Promise<void>
}

function fake(name: string, address: string, open = 0): Fake {
  const connection: Fake = {
    name,
    remoteAddr: multiaddr(address),
    timeline: { open },
    direct: true,
    status: 'open',
    streams: [],
    async close() {
      connection.status = 'closed'
    }
  }
  return connection
}

const ROWS: ReadonlyArray<readonly [what: string, connections: Fake[], preferred: string | undefined]> = [
  ['none', [], undefined],
  ['QUIC before TCP, whichever is newer', [fake('quic', QUIC, 1), fake('tcp', TCP, 2)], 'quic'],
  ['the newest over QUIC', [fake('old', QUIC, 1), fake('new', QUIC, 9), fake('middle', QUIC, 5)], 'new'],
  ['the newest over TCP', [fake('new', TCP, 9), fake('old', TCP, 1)], 'new'],
  ['of the same millisecond the later', [fake('first', QUIC, 1), fake('second', QUIC, 1)], 'second'],
  ['one that is open', [fake('old', QUIC, 1), { ...fake('closing', QUIC, 2), status: 'closing' }], 'old'],
  ['a direct one', [fake('old', QUIC, 1), { ...fake('relayed', `${QUIC}/p2p-circuit`, 2), direct: false }], 'old']
]
for (const [what, connections, expected] of ROWS) {
  test(`preferred: ${what}`, () => {
    assert.equal((preferred(connections as unknown as Connection[]) as unknown as Fake | undefined)?.name, expected)
  })
}

/** A relay that answers at some addresses after so long, in virtual time. */
function setUp(known: readonly string[] = [], answersAfterMs: Record<string, number> = { [QUIC]: 40, [TCP]: 60 }) {
  const clock = new VirtualClock()
  const relay = { toString: () => 'relay' } as PeerId
  const all: Fake[] = []
  const dials: Array<readonly [ms: number, address: string]> = []
  const components = {
    connectionManager: { getConnections: () => all.filter(({ status }) => status === 'open') },
    transportManager: {
      dialTransportForMultiaddr: () => ({}),
      async dial(address: Multiaddr, { signal }: { signal: AbortSignal }) {
        dials.push([clock.now(), address.toString()])
        await sleep(clock, answersAfterMs[address.toString()] ?? 1e9, signal)
        const connection = fake(`${all.length + 1}`, address.toString(), clock.now())
        all.push(connection)
        return connection
      }
    }
  } as unknown as CircuitComponents
  const connections = new RelayConnections(components, clock, () => known.map(each => multiaddr(each)))
  const to = (addresses: readonly string[], signal = new AbortController().signal) =>
    connections.to(
      relay,
      addresses.map(each => multiaddr(each)),
      signal
    ) as unknown as Promise<Fake>
  return { clock, all, dials, connections, to }
}

test('a connection that is there is taken; else one is dialled, and all who ask at once share it', async () => {
  const { clock, all, dials, to } = setUp()
  const asked = Promise.all([to([QUIC]), to([QUIC]), to([QUIC])])
  await clock.advance(40)
  assert.deepEqual(
    (await asked).map(({ name }) => name),
    ['1', '1', '1']
  )
  assert.equal((await to([TCP])).name, '1')
  assert.equal(dials.length, 1)
  assert.equal(all.length, 1)
  assert.equal(clock.pending, 0)
})

test('who knows another way than the one that is being tried is not held up by it', async () => {
  const { clock, to } = setUp([], { [TCP]: 60 })
  const [byQuic, byTcp] = [to([QUIC]), to([TCP])]
  byQuic.catch(() => {})
  await clock.advance(60)
  assert.equal((await byTcp).remoteAddr.toString(), TCP)
})

test('all known ways are tried, those that the caller names first', async () => {
  const { clock, dials, to } = setUp([TCP, QUIC], { [TCP]: 10 })
  const connected = to([QUIC])
  await clock.advance(260)
  assert.equal((await connected).remoteAddr.toString(), TCP)
  assert.deepEqual(dials, [
    [0, QUIC],
    [250, TCP]
  ])
})

test('one who gives up does not end it for the others; when all have, the dial ends', async () => {
  const { clock, dials, to } = setUp()
  const [one, other] = [new AbortController(), new AbortController()]
  const failed = assert.rejects(to([QUIC], one.signal), { message: 'enough' })
  const connected = to([QUIC], other.signal)
  await clock.advance(10)
  one.abort(new Error('enough'))
  await clock.advance(30)
  assert.equal((await connected).name, '1')
  await failed
  assert.equal(dials.length, 1)

  const late = setUp([], {})
  const gaveUp = assert.rejects(late.to([QUIC], one.signal), { message: 'enough' })
  await late.clock.advance(0)
  await gaveUp
  assert.equal(late.clock.pending, 0)
})

test('nobody answers: NO_HUB names all addresses', async () => {
  const { clock, to } = setUp([TCP], {})
  const failed = assert.rejects(to([QUIC]), { code: 'NO_HUB', message: new RegExp(`${QUIC}, ${TCP}`) })
  await clock.advance(15_000)
  await failed
  assert.equal(clock.pending, 0)
})

test('after a change of network another connection is dialled, and the old one goes when nothing runs on it', async () => {
  const { clock, all, connections, to } = setUp()
  const first = to([QUIC])
  await clock.advance(40)
  const old = await first
  old.streams = [{ protocol: '/ipfs/ping/1.0.0' }, { protocol: HOP_PROTOCOL }]
  connections.networkChanged()
  const second = to([QUIC])
  await clock.advance(40)
  const fresh = await second
  assert.notEqual(fresh, old)
  assert.equal((await to([QUIC])).name, fresh.name)
  await clock.advance(20 * 60_000)
  assert.equal(old.status, 'open', 'a circuit runs on it')
  old.streams = [{ protocol: '/ipfs/ping/1.0.0' }]
  await clock.advance(5_000)
  assert.deepEqual(
    all.map(({ status }) => status),
    ['closed', 'open']
  )
  assert.equal(clock.pending, 0)
})

test('a dial of before the change is given up, and who waited for it gets the one of after', async () => {
  const { clock, dials, connections, to } = setUp()
  const waiting = to([QUIC])
  await clock.advance(30)
  connections.networkChanged()
  await clock.advance(39)
  assert.equal(dials.length, 2)
  await clock.advance(1)
  assert.equal((await waiting).timeline.open, 70)
})

test('a stop leaves no timer', async () => {
  const { clock, connections, to } = setUp()
  const first = to([QUIC])
  await clock.advance(40)
  await first
  connections.networkChanged()
  const second = to([QUIC])
  await clock.advance(40)
  await second
  connections.stop()
  await clock.advance(0)
  assert.equal(clock.pending, 0)
})
