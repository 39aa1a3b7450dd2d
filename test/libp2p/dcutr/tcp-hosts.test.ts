import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import net, { type NetConnectOpts } from 'node:net'
import test from 'node:test'
import type { Multiaddr } from '@multiformats/multiaddr'
import { endpointOf } from '../../../src/libp2p/candidate.ts'
import { DIAL_ALLOWANCE } from '../../../src/libp2p/dcutr/context.ts'
import { freePort } from '../../../src/libp2p/tcp/sharing.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { byHand, splice } from '../tcp/splice.ts'
import { brief, connectOver, limited, until } from './fixture.ts'
import { connect, framesOf, stillWorks } from './stranger.ts'
import { type TcpPeer, type TcpStranger, tcpPeer, tcpRelay, tcpStranger } from './tcp-fixture.ts'

const SPEED = 5
/** The first one, and a retry after each of four refusals. */
const SYNS_PER_DIAL = 5

/** By port; to one that refuses, each is one SYN. */
const connects = new Map<number, number>()
const connectTruly = net.connect.bind(net) as typeof net.connect
net.connect = ((options: NetConnectOpts) => {
  const { port } = options as { port: number }
  connects.set(port, (connects.get(port) ?? 0) + 1)
  return connectTruly(options)
}) as typeof net.connect
syncBuiltinESMExports()

const connectsTo = (address: Multiaddr) => connects.get(endpointOf(address)!.port) ?? 0

test('a host that refuses, named by four peers under three ports each, in all rounds: fifteen SYNs', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay, { speed: SPEED })
  const ports = await Promise.all(Array.from({ length: 12 }, freePort))
  const startMs = performance.now()
  for (let i = 0; i < 4; i++) {
    await using stranger = await tcpStranger(relay)
    const named = ports.slice(3 * i, 3 * i + 3).map(port => `/ip4/127.0.0.1/tcp/${port}`)
    await stranger.handle(DCUTR_PROTOCOL, stream => void stream.send(connect(...named)), limited)
    const relayed = await connectOver(relay, stranger, ours.node)
    assert.equal((await ours.upgrade(stranger)).outcome, 'relayed')
    await stillWorks(relayed)
  }
  const refilled = Math.ceil(((performance.now() - startMs) * SPEED) / DIAL_ALLOWANCE.refillMs)
  const most = SYNS_PER_DIAL * (DIAL_ALLOWANCE.burst + refilled)
  const syns = ports.reduce((sum, port) => sum + (connects.get(port) ?? 0), 0)
  assert.equal(SYNS_PER_DIAL * DIAL_ALLOWANCE.burst, 15)
  assert.ok(syns > 0 && syns <= most, `${syns} SYNs, and ${most} at the most`)
  assert.equal(brief(ours.attempts)[0], 'punch-tcp failed refused')
})

/** The stranger's part as the receiver, up to the SYNC; then what the test wants. */
async function meetAt(
  stranger: TcpStranger,
  addresses: readonly Multiaddr[],
  act: () => Promise<unknown>
): Promise<void> {
  await stranger.handle(
    DCUTR_PROTOCOL,
    async stream => {
      const frames = framesOf(stream)
      await frames.read(AbortSignal.timeout(5_000))
      frames.send({ type: 'CONNECT', observedAddresses: addresses.map(({ bytes }) => bytes) })
      await frames.read(AbortSignal.timeout(5_000))
      await act()
    },
    limited
  )
}

/** One working connection, on both sides, and nothing else. */
async function oneLink(ours: TcpPeer, stranger: TcpStranger): Promise<void> {
  const direct = () => [
    ours.node.getConnections(stranger.peerId).filter(each => each.direct),
    stranger.getConnections(ours.node.peerId).filter(each => each.direct)
  ]
  await until('one link on both sides', () => direct().every(({ length }) => length === 1), 10_000)
  await stillWorks(direct()[0]![0]!)
  await until('no timer is left', () => ours.clock.pending === 0, 10_000)
}

test('two connections at once, one of which dies in the handshake: the other one is the link', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay)
  await using stranger = await tcpStranger(relay)
  await using living = await splice()
  await using dying = await byHand(socket => void socket.once('data', () => socket.resetAndDestroy()).resume())
  await meetAt(stranger, [dying.address, living.ends[0]], async () => {
    await stranger.punch(living.ends[1], { role: 'client' })
  })
  await connectOver(relay, stranger, ours.node)
  assert.equal((await ours.upgrade(stranger)).outcome, 'direct')
  assert.deepEqual(brief(ours.attempts), ['punch-tcp ok connected', 'reverse skipped peer-not-public'])
  assert.equal(connectsTo(dying.address), 1)
  await oneLink(ours, stranger)
})

test('two connections at once, and both come up: the side that is the client keeps one', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay)
  await using stranger = await tcpStranger(relay)
  await using one = await splice()
  await using other = await splice()
  await connectOver(relay, ours.node, stranger)
  const upgrading = ours.upgrade(stranger)
  const stream = await stranger.getConnections(ours.node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
  const frames = framesOf(stream)
  frames.send({ type: 'CONNECT', observedAddresses: [one.ends[0].bytes, other.ends[0].bytes] })
  await frames.read(AbortSignal.timeout(5_000))
  frames.send({ type: 'SYNC', observedAddresses: [] })
  const met = await Promise.allSettled([one, other].map(({ ends }) => stranger.punch(ends[1], { role: 'server' })))
  assert.ok(met.some(({ status }) => status === 'fulfilled'))
  assert.equal((await upgrading).outcome, 'direct')
  assert.deepEqual(brief(ours.attempts), ['punch-tcp ok connected'])
  await oneLink(ours, stranger)
})

test('the relay closes when the punch begins: the link comes up without it', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay)
  await using stranger = await tcpStranger(relay)
  await using living = await splice()
  await meetAt(stranger, [living.ends[0]], async () => {
    await until('our dial', () => connectsTo(living.ends[0]) > 0)
    await relay.stop()
    await stranger.punch(living.ends[1], { role: 'client' })
  })
  await connectOver(relay, stranger, ours.node)
  assert.equal((await ours.upgrade(stranger)).outcome, 'direct')
  await oneLink(ours, stranger)
})
