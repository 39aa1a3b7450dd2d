import assert from 'node:assert/strict'
import test from 'node:test'
import type { Connection, IdentifyResult, Libp2pEvents } from '@libp2p/interface'
import type { AddressManager, TransportManager } from '@libp2p/interface-internal'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { VirtualClock } from '../../src/core/clock.ts'
import { OBSERVED, ObservedAddresses } from '../../src/libp2p/observed.ts'
import { punchable } from '../../src/libp2p/punchable.ts'

const quic = (host: string, port = 4001) => multiaddr(`/ip${host.includes(':') ? 6 : 4}/${host}/udp/${port}/quic-v1`)
const peerOf = (name: string) => ({ toString: () => name })

function setUp({ listens = [] as Multiaddr[], announces = [] as Multiaddr[], allowPrivate = false } = {}) {
  const clock = new VirtualClock()
  const events = new TypedEventEmitter<Libp2pEvents>()
  const transport = {
    [punchable]: {
      technique: 'punch-quic',
      simultaneous: false,
      observes: ({ remoteAddr }: Connection) => /\/quic-v1$/.test(remoteAddr.toString()),
      canPunch: (address: Multiaddr) => /^\/ip[46]\/[^/]+\/udp\/\d+\/quic-v1$/.test(address.toString()),
      sendDatagram: () => {}
    }
  }
  const observed = new ObservedAddresses(
    {
      events,
      transportManager: { getTransports: () => [transport], getAddrs: () => listens } as unknown as TransportManager,
      addressManager: { getAddresses: () => announces } as unknown as AddressManager
    },
    { clock, allowPrivate }
  )
  observed.start()
  const identify = (
    observer: string,
    remote: Multiaddr | string,
    observedAddr: Multiaddr | undefined,
    connection: Partial<Connection> = {}
  ) => {
    const remoteAddr = typeof remote === 'string' ? multiaddr(remote) : remote
    const whole = {
      direct: true,
      direction: 'outbound',
      status: 'closed',
      remoteAddr,
      remotePeer: peerOf(observer),
      ...connection
    }
    const detail = { connection: whole, observedAddr } as unknown as IdentifyResult
    events.dispatchEvent(new CustomEvent('peer:identify', { detail }))
    return whole
  }
  const shown = () => observed.candidates().map(candidate => candidate.multiaddr.toString())
  return { clock, events, observed, identify, shown }
}

const relayedFrom =
  '/ip4/11.0.0.254/udp/4001/quic-v1/p2p/12D3KooWKFnoPGkBhzBS6uDsHQEu3xPViSF5nJN9wUmhvCNfxNNu/p2p-circuit'
const ignored: ReadonlyArray<readonly [string, Multiaddr | string, Multiaddr | undefined, Partial<Connection>?]> = [
  ['seen over a relay', relayedFrom, quic('11.0.0.7'), { direct: false }],
  ['seen on a TCP connection', '/ip4/11.0.0.254/tcp/4001', multiaddr('/ip4/11.0.0.7/tcp/50123')],
  ['QUIC told over a TCP connection', '/ip4/11.0.0.254/tcp/4001', quic('11.0.0.7')],
  ['a relayed address', quic('11.0.0.254'), multiaddr(relayedFrom)],
  ['loopback', quic('11.0.0.254'), quic('127.0.0.1')],
  ['private', quic('11.0.0.254'), quic('192.168.1.7')],
  ['a name', quic('11.0.0.254'), multiaddr('/dns4/me.example/udp/4001/quic-v1')],
  ['nothing', quic('11.0.0.254'), undefined]
]
for (const [what, remote, address, connection] of ignored) {
  test(`does not count: ${what}`, () => {
    const { identify, shown } = setUp()
    identify('hub', remote, address, connection)
    assert.deepEqual(shown(), [])
  })
}

test('a direct QUIC observation counts, whichever side dialled', () => {
  const { identify, shown } = setUp()
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7', 40_001))
  identify('peer', quic('11.0.0.3'), quic('2606:4700::7'), { direction: 'inbound' })
  assert.deepEqual(shown(), ['/ip4/11.0.0.7/udp/40001/quic-v1', '/ip6/2606:4700::7/udp/4001/quic-v1'])
})

test('best first: most of those that we asked, then most, then newest', async () => {
  const { clock, identify, shown } = setUp()
  for (const n of [1, 2, 3]) identify(`stranger ${n}`, quic(`11.9.0.${n}`), quic('11.0.0.66'), { direction: 'inbound' })
  identify('hub 1', quic('11.0.0.251'), quic('11.0.0.7', 1))
  await clock.advance(10)
  identify('hub 2', quic('11.0.0.252'), quic('11.0.0.7', 2))
  identify('hub 3', quic('11.0.0.253'), quic('11.0.0.7', 3))
  identify('hub 4', quic('11.0.0.254'), quic('11.0.0.7', 3))
  assert.deepEqual(
    shown().map(text => text.split('/').slice(2, 5).join(' ')),
    ['11.0.0.7 udp 3', '11.0.0.7 udp 2', '11.0.0.7 udp 1', '11.0.0.66 udp 4001']
  )
})

test('two observers on one host count once; an observer has one vote, its latest', () => {
  const { identify, observed } = setUp()
  identify('hub 1', quic('11.0.0.251'), quic('11.0.0.7', 1))
  identify('hub 2', quic('11.0.0.251'), quic('11.0.0.7', 1))
  identify('hub 3', quic('11.0.0.253'), quic('11.0.0.7', 2))
  identify('hub 4', quic('11.0.0.254'), quic('11.0.0.7', 2))
  assert.deepEqual(
    observed.list().map(({ observers }) => observers),
    [
      ['hub 3', 'hub 4'],
      ['hub 1', 'hub 2']
    ]
  )
  identify('hub 3', quic('11.0.0.253'), quic('11.0.0.7', 9))
  assert.equal(observed.list().length, 3)
})

test('an observation lives as long as its connection, and ten minutes', async () => {
  const { clock, identify, shown } = setUp()
  const connection = identify('hub', quic('11.0.0.254'), quic('11.0.0.7'), { status: 'open' })
  await clock.advance(OBSERVED.ttlMs + 1)
  assert.equal(shown().length, 1)
  connection.status = 'closed'
  assert.equal(shown().length, 0)
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7'))
  await clock.advance(OBSERVED.ttlMs)
  assert.equal(shown().length, 1)
  await clock.advance(1)
  assert.equal(shown().length, 0)
})

test('a crowd of strangers pushes out no hub, and is bounded', () => {
  const { identify, observed } = setUp()
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7'))
  for (let i = 0; i < 1_000; i++) {
    identify(`s${i}`, quic(`11.9.${i >> 8}.${i & 255}`), quic(`11.8.${i >> 8}.${i & 255}`), { direction: 'inbound' })
  }
  assert.equal(observed.list().length, OBSERVED.maxObservers)
  assert.deepEqual(observed.list()[0]?.observers, ['hub'])
  assert.equal(observed.candidates().length, OBSERVED.maxCandidates)
})

test('own public listen and announced addresses follow what hubs see, and precede what strangers tell', () => {
  const { identify, shown } = setUp({
    listens: [quic('11.0.0.7'), quic('127.0.0.1'), quic('192.168.1.7'), quic('fe80::1')],
    announces: [
      quic('11.0.0.7').encapsulate('/p2p/12D3KooWKFnoPGkBhzBS6uDsHQEu3xPViSF5nJN9wUmhvCNfxNNu'),
      quic('11.0.0.8', 5)
    ]
  })
  identify('stranger', quic('11.9.0.1'), quic('11.0.0.66'), { direction: 'inbound' })
  identify('hub', quic('11.0.0.254'), quic('11.0.0.9'))
  assert.deepEqual(
    shown().map(text => text.split('/')[2]),
    ['11.0.0.9', '11.0.0.7', '11.0.0.8', '11.0.0.66']
  )
})

test('allowPrivate lets private and loopback in, never link-local', () => {
  const { shown } = setUp({ listens: [quic('127.0.0.1'), quic('10.0.0.1'), quic('169.254.0.1')], allowPrivate: true })
  assert.equal(shown().length, 2)
})

test('the port changing with the observer is told, with both', () => {
  const { identify, observed } = setUp()
  identify('hub 1', quic('11.0.0.251'), quic('11.0.0.7', 1))
  identify('hub 2', quic('11.0.0.251'), quic('11.0.0.7', 2))
  identify('stranger', quic('11.0.0.3'), quic('11.0.0.7', 3), { direction: 'inbound' })
  identify('hub 3', quic('2606:4700::3'), quic('2606:4700::7', 4))
  assert.equal(observed.varying(), undefined)
  identify('hub 4', quic('11.0.0.252'), quic('11.0.0.7', 9))
  assert.equal(
    observed.varying(),
    'our NAT may map per destination: 11.0.0.251 sees 11.0.0.7:1, 11.0.0.252 sees 11.0.0.7:9'
  )
})

test('waiting for the first observation: at once when there is one, until it comes, or until the time is up', async () => {
  const { clock, identify, observed } = setUp()
  const signal = new AbortController().signal
  const inVain = observed.awaitCandidates(100, signal)
  await clock.advance(100)
  assert.deepEqual(await inVain, [])
  const waiting = observed.awaitCandidates(100, signal)
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7'))
  assert.equal((await waiting).length, 1)
  assert.equal((await observed.awaitCandidates(100, signal)).length, 1)
  assert.equal(clock.pending, 0)
})

test('stopped: it forgets, and hears no more', () => {
  const { identify, observed, shown } = setUp()
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7'))
  observed.stop()
  identify('hub', quic('11.0.0.254'), quic('11.0.0.7'))
  assert.deepEqual(shown(), [])
})

test('our network changes: what was seen is forgotten, and that is told; what is seen from then on counts', () => {
  const { identify, observed, shown } = setUp()
  let changes = 0
  const off = observed.onChange(() => changes++)
  const connection = identify('hub', quic('11.0.0.254'), quic('11.0.0.7'), { status: 'open' })
  assert.equal(connection.status, 'open')
  observed.networkChanged()
  assert.deepEqual(shown(), [])
  assert.equal(changes, 2)
  identify('hub', quic('11.0.0.254'), quic('11.0.0.9'))
  assert.deepEqual(shown(), ['/ip4/11.0.0.9/udp/4001/quic-v1'])
  off()
  observed.networkChanged()
  assert.equal(changes, 3)
})
