import assert from 'node:assert/strict'
import test from 'node:test'
import { brief, connectOver, relayNode, testPeer, until } from './fixture.ts'

test('two natted peers: relayed, then punched; both report it, the relay goes once idle', async () => {
  await using relay = await relayNode()
  await using a = await testPeer()
  await using b = await testPeer({ relay })
  const relayed = await connectOver(relay, a.node, b.node)
  const [mine, theirs] = await Promise.all([
    a.node.services.dcutr.upgrade(b.node.peerId),
    b.node.services.dcutr.upgrade(a.node.peerId)
  ])
  assert.equal(mine.outcome, 'direct')
  assert.equal(theirs.outcome, 'direct')
  assert.deepEqual(brief(a.attempts), ['punch-quic ok connected'])
  assert.deepEqual(brief(b.attempts).sort(), ['punch-quic ok connected', 'reverse skipped peer-not-public'])
  assert.equal(a.firewall.sent.length, 0)
  assert.ok(b.firewall.sent.length >= 1)
  assert.deepEqual(
    b.firewall.dials.filter(({ to }) => !to.toString().includes(relay.peerId.toString())),
    []
  )
  assert.equal(relayed.status, 'open')
  await until('the relayed connection is closed', () => relayed.status !== 'open')
  assert.equal(a.node.getConnections(b.node.peerId).length, 1)
})
