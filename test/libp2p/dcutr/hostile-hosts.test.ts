import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { DIAL_ALLOWANCE } from '../../../src/libp2p/dcutr/context.ts'
import { OPENING_ALLOWANCE } from '../../../src/traversal/opening.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import {
  acquaint,
  type BarePeer,
  barePeer,
  brief,
  connectOver,
  limited,
  nothingLeft,
  relayNode,
  testPeer
} from './fixture.ts'
import { begin, bystander, connect, firstAttempt, message, stillWorks } from './stranger.ts'

const SPEED = 10
/** The first flight, five repetitions, and what the engine itself repeats until the window is over. */
const PACKETS_PER_DIAL = 8

const relay = await relayNode()
after(() => relay[Symbol.asyncDispose]())

/** What an allowance lets through from a moment on, by a clock that runs fast. */
function most({ burst, refillMs }: { burst: number; refillMs: number }, sinceMs: number): number {
  return burst + Math.ceil(((performance.now() - sinceMs) * SPEED) / refillMs)
}

async function strangers(count: number, at?: typeof relay): Promise<AsyncDisposable & { readonly all: BarePeer[] }> {
  const all = await Promise.all(Array.from({ length: count }, () => barePeer(at)))
  return {
    all,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map(stranger => stranger[Symbol.asyncDispose]()))
    }
  }
}

test("a third party's host, named by four peers, under many ports, in all rounds: a handful of packets in all", async () => {
  await using b = await testPeer({ relay, speed: SPEED })
  await using victim = await bystander('127.0.201.1', 12)
  await using crowd = await strangers(4)
  const startMs = performance.now()
  await Promise.all(
    crowd.all.map(async (stranger, i) => {
      const named = victim.addresses.slice(3 * i, 3 * i + 3)
      await stranger.handle(DCUTR_PROTOCOL, stream => void stream.send(connect(...named)), limited)
      const relayed = await connectOver(relay, stranger, b.node)
      assert.equal((await b.upgrade({ node: stranger })).outcome, 'relayed')
      await stillWorks(relayed)
    })
  )
  assert.equal(brief(b.attempts).filter(each => each === 'punch-quic failed no-answer').length, 12)
  const { openings, handshakes } = victim.heard
  assert.ok(openings > 0 && openings <= most(OPENING_ALLOWANCE, startMs), `${openings} opening packets`)
  assert.ok(handshakes <= PACKETS_PER_DIAL * most(DIAL_ALLOWANCE, startMs), `${handshakes} handshake packets`)
  await nothingLeft(b)
})

test("a third party's host, named to one who dials, by four peers: three dials", async () => {
  await using a = await testPeer({ speed: SPEED })
  await acquaint(relay, a)
  await using victim = await bystander('127.0.201.2', 12)
  await using crowd = await strangers(4, relay)
  const startMs = performance.now()
  await Promise.all(
    crowd.all.map(async (stranger, i) => {
      const relayed = await connectOver(relay, a.node, stranger)
      const stream = await begin(stranger, a)
      stream.send(Buffer.concat([connect(...victim.addresses.slice(3 * i, 3 * i + 3)), message('SYNC')]))
      assert.equal((await a.upgrade({ node: stranger })).outcome, 'relayed')
      await stillWorks(relayed)
    })
  )
  assert.deepEqual(brief(a.attempts), Array(4).fill('punch-quic failed no-answer'))
  const dials = a.nat.dials.filter(({ punch }) => punch).length
  assert.ok(dials > 0 && dials <= most(DIAL_ALLOWANCE, startMs), `${dials} dials`)
  assert.ok(victim.heard.handshakes <= PACKETS_PER_DIAL * dials, `${victim.heard.handshakes} packets`)
  assert.equal(victim.heard.openings, 0)
  await nothingLeft(a)
})

test('a node in the open dials no loopback, private, link-local or multicast address', async () => {
  await using a = await testPeer({ speed: SPEED, host: '0.0.0.0', options: { allowPrivate: false } })
  await using victim = await bystander('127.0.201.3')
  await using stranger = await barePeer(relay)
  a.node.services.dcutr.observed.note({
    address: multiaddr('/ip4/11.0.0.7/udp/4001/quic-v1'),
    observer: 'hub',
    observerHost: '11.0.0.254',
    origin: 'asked'
  })
  const relayed = await connectOver(relay, a.node, stranger)
  const stream = await begin(stranger, a)
  const hosts = ['192.168.1.1', '10.0.0.1', '100.64.0.1', '169.254.169.254', '224.0.0.1', '255.255.255.255', '0.0.0.0']
  stream.send(connect(...victim.addresses, ...hosts.map(host => `/ip4/${host}/udp/4001/quic-v1`)))
  await firstAttempt(a)
  assert.deepEqual(brief(a.attempts), ['punch-quic skipped no-peer-address'])
  assert.equal(a.attempts[0]?.detail, '8 not-public')
  assert.ok(!a.nat.dials.some(({ punch }) => punch))
  assert.deepEqual(victim.heard, { openings: 0, handshakes: 0 })
  await stillWorks(relayed)
})

test("the relay's own address, named as the peer's, is not punched", async () => {
  await using b = await testPeer({ relay, speed: SPEED })
  await using stranger = await barePeer()
  const named = relay.nat.address.toString()
  await stranger.handle(DCUTR_PROTOCOL, stream => void stream.send(connect(named)), limited)
  await connectOver(relay, stranger, b.node)
  await b.upgrade({ node: stranger })
  assert.deepEqual(brief(b.attempts), ['punch-quic skipped no-peer-address', 'reverse skipped peer-not-public'])
  assert.equal(b.attempts[0]?.detail, '1 relay')
  assert.equal(b.nat.openings, 0)
})
