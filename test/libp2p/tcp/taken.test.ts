import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import test, { type TestContext } from 'node:test'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { endpointOf } from '../../../src/libp2p/candidate.ts'
import { punchable } from '../../../src/libp2p/punchable.ts'
import { Targets } from '../../../src/libp2p/tcp/targets.ts'
import { until } from '../dcutr/fixture.ts'
import { type TcpNode, tcpNode } from './node.ts'
import { byHand } from './splice.ts'

/** Where the other side sees a connection come from. */
async function seenFrom(to: TcpNode, from: TcpNode, count = 1): Promise<number[]> {
  const seen = () => to.node.getConnections(from.node.peerId)
  await until(`${count} connections`, () => seen().length === count)
  return seen().map(({ remoteAddr }) => endpointOf(remoteAddr)!.port)
}

function movesOf({ transport }: TcpNode): () => number {
  let moves = 0
  transport[punchable].onMoved?.(() => moves++)
  return () => moves
}

/** Somebody else's socket (or one of ours that lingers in TIME_WAIT) goes from our port to that address. */
async function occupy(t: TestContext, localPort: number, to: Multiaddr): Promise<void> {
  const { address, port } = endpointOf(to)!
  const socket = connect({ host: address, port, localPort }).on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
}

const observes = ({ transport }: TcpNode, connection: Connection) => transport[punchable].observes(connection)

test('all dials leave from one port', async () => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  await using c = await tcpNode()
  const connections = [await a.dial(b.address), await a.dial(c.address)]
  assert.deepEqual(await seenFrom(b, a), await seenFrom(c, a))
  assert.deepEqual(
    connections.map(connection => observes(a, connection)),
    [true, true]
  )
})

test('a dial to where we are connected leaves from another port, once, and the common port stays', async () => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  const moves = movesOf(a)
  const first = await a.dial(b.address)
  const second = await a.dial(b.address)
  assert.deepEqual([observes(a, first), observes(a, second), moves()], [true, false, 0])
  const ports = await seenFrom(b, a, 2)
  assert.notEqual(ports[0], ports[1])
})

test('the port is taken towards that address: a dial succeeds from a fresh port, which is told', async t => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  await using c = await tcpNode()
  const moves = movesOf(a)
  const before = await a.dial(b.address)
  const [oldPort] = await seenFrom(b, a)
  await occupy(t, oldPort!, c.address)
  const after = await a.dial(c.address)
  const [newPort] = await seenFrom(c, a)
  assert.notEqual(newPort, oldPort)
  assert.deepEqual([observes(a, before), observes(a, after), moves()], [false, true, 1])
})

test('the same for a punch: it fails, because the peer has to be told the fresh port first', async t => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  await using victim = await byHand(() => {})
  const moves = movesOf(a)
  const before = await a.dial(b.address)
  const [oldPort] = await seenFrom(b, a)
  await occupy(t, oldPort!, victim.address)
  await assert.rejects(a.dial(victim.address, { punch: true }), { code: 'EADDRNOTAVAIL' })
  await until('the port moves', () => moves() === 1)
  assert.equal(observes(a, before), false)
})

test('ten dials at once are refused: the port moves once', async t => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  await using victim = await byHand(() => {})
  const moves = movesOf(a)
  await a.dial(b.address)
  await occupy(t, (await seenFrom(b, a))[0]!, victim.address)
  const dials = await Promise.allSettled(Array.from({ length: 10 }, () => a.dial(victim.address, { punch: true })))
  assert.ok(dials.every(({ status }) => status === 'rejected'))
  await until('the port moves', () => moves() > 0)
  assert.equal((await a.dial(b.address)).status, 'open')
  assert.equal(moves(), 1)
})

test('a dial that nobody has answered gives way to a punch; one that was answered does not', async () => {
  await using b = await tcpNode()
  const targets = new Targets()
  const [silent, answered] = [targets.open(b.address), targets.open(b.address)]
  answered.answered()
  targets.yield(b.address)
  assert.equal(answered.signal.aborted, false)
  const waiting = targets.open(b.address)
  targets.yield(b.address)
  assert.equal(waiting.signal.aborted, true)
  for (const each of [silent, answered, waiting]) {
    assert.equal(targets.has(b.address), true)
    each.close()
  }
  assert.equal(targets.has(b.address), false)
})
