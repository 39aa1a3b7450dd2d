import assert from 'node:assert/strict'
import test from 'node:test'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { splice } from '../tcp/splice.ts'
import { brief, connectOver, limited, until } from './fixture.ts'
import { framesOf } from './stranger.ts'
import { answer, tcpPeer, tcpRelay, tcpStranger } from './tcp-fixture.ts'

/** One for each round: a connection that both sides have dialled. */
async function meetings(count: number) {
  const all = await Promise.all(Array.from({ length: count }, splice))
  let used = 0
  return {
    next: () => all[used++]!,
    [Symbol.asyncDispose]: async () => {
      for (const each of all) await each[Symbol.asyncDispose]()
    }
  }
}

test('the receiver takes the role of the server (go-libp2p up to 0.40): the second round is direct', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay)
  await using stranger = await tcpStranger(relay)
  await using rounds = await meetings(2)
  let round: Awaited<ReturnType<typeof splice>>
  await answer(
    stranger,
    async () => {
      round = rounds.next()
      return round.ends[0]
    },
    () => stranger.punch(round.ends[1], { role: 'server' })
  )
  await connectOver(relay, stranger, ours.node)
  const upgrade = await ours.upgrade(stranger)
  assert.deepEqual(brief(ours.attempts), [
    'punch-tcp failed role-clash',
    'punch-tcp ok connected',
    'reverse skipped peer-not-public'
  ])
  assert.equal(upgrade.outcome === 'direct' && upgrade.connection.direction, 'outbound', 'we are the client now')
  await until('the other side has it', () => stranger.getConnections(ours.node.peerId).some(({ direct }) => direct))
  await until('nothing is left', () => ours.clock.pending === 0, 10_000)
})

test('the initiator takes the role of the client (go-libp2p up to 0.40): the second round is direct', async () => {
  await using relay = await tcpRelay()
  await using ours = await tcpPeer(relay)
  await using stranger = await tcpStranger(relay)
  await using rounds = await meetings(2)
  await connectOver(relay, ours.node, stranger)
  const upgrading = ours.upgrade(stranger)
  for (const clash of [true, false]) {
    const round = rounds.next()
    const stream = await stranger.getConnections(ours.node.peerId)[0]!.newStream(DCUTR_PROTOCOL, limited)
    const frames = framesOf(stream)
    frames.send({ type: 'CONNECT', observedAddresses: [round.ends[0].bytes] })
    await frames.read(AbortSignal.timeout(5_000))
    frames.send({ type: 'SYNC', observedAddresses: [] })
    const met = stranger.punch(round.ends[1], { role: 'client' })
    if (clash) await assert.rejects(met)
    else await met
  }
  const upgrade = await upgrading
  assert.deepEqual(brief(ours.attempts), ['punch-tcp failed role-clash', 'punch-tcp ok connected'])
  assert.equal(upgrade.outcome === 'direct' && upgrade.connection.direction, 'inbound', 'we are the server now')
  await until('nothing is left', () => ours.clock.pending === 0, 10_000)
})
