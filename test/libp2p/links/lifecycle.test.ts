import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { type Hub, startHub } from '../../../src/hub/index.ts'
import { openHop } from '../../../src/libp2p/circuit/hop.ts'
import { reserve } from '../../../src/libp2p/circuit/reserve.ts'
import { Timeline, type TimelineStep } from '../../../src/libp2p/timeline.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { type LongHeader, longHeader } from '../../../src/socket/demux.ts'
import { LINK_PROTOCOL } from '../../../src/wire/link.ts'
import { until } from '../dcutr/fixture.ts'
import { BadRelay } from './bad-relay.ts'
import { type Bare, bare, echo, type Left } from './bare.ts'

async function hubFor(t: TestContext): Promise<Hub> {
  const hub = await startHub({ hosts: ['127.0.0.1'], port: 0, httpPort: 0, stunPort: 0 })
  t.after(() => hub.stop())
  return hub
}

async function two(t: TestContext): Promise<{ readonly hub: Hub; readonly alice: Bare; readonly bob: Bare }> {
  const hub = await hubFor(t)
  const [alice, bob] = await Promise.all([bare([hub]), bare([hub])])
  t.after(() => Promise.all([alice.libp2p.stop(), bob.libp2p.stop()]))
  await Promise.all([alice.reserve(), bob.reserve()])
  // the reservations' own streams are over
  for (const each of [alice, bob]) await untilAs({ ...(await each.left()), relayed: 0 }, each)
  return { hub, alice, bob }
}

/** All is as it was: who waits for a handshake that nobody will end does so for ten seconds. */
async function untilAs(before: Partial<Left>, { left }: Bare): Promise<void> {
  let now: Partial<Left> | undefined
  const same = async () => {
    const all = await left()
    now = 'timers' in before ? all : withoutTimers(all)
    return JSON.stringify(now) === JSON.stringify(before)
  }
  for (let tries = 0; tries < 150 && !(await same()); tries++) await new Promise(resolve => setTimeout(resolve, 100))
  assert.deepEqual(now, before)
}

/** Where a connection was given up that may still come: the engine's server remembers it for as long as the engine itself. */
function withoutTimers({ timers: _, ...rest }: Left): Partial<Left> {
  return rest
}

/** Calls back when the next dial has come so far. */
function atStep({ links }: Bare, wanted: TimelineStep, then: () => void): void {
  links.newTimeline = () => {
    const timeline = new Timeline(() => performance.now())
    const mark = timeline.mark.bind(timeline)
    timeline.mark = step => {
      mark(step)
      if (step === wanted) then()
    }
    return timeline
  }
}

const STEPS: readonly TimelineStep[] = ['hub', 'sent', 'accepted', 'offer', 'handshake', 'ready']

describe('of links nothing is left', () => {
  it('after 200 of them', async t => {
    const { alice, bob } = await two(t)
    const before = [await alice.left(), await bob.left()] as const
    const one = async () => {
      const connection = await bob.dial(alice.id)
      await echo(connection)
      await connection.close()
    }
    for (let i = 0; i < 50; i++) await Promise.all([one(), one(), one(), one()])
    await untilAs(before[0], alice)
    await untilAs(before[1], bob)
  })

  for (const step of STEPS) {
    it(`when the dial is given up at '${step}'`, async t => {
      const { alice, bob, hub } = await two(t)
      const before = [await alice.left(), await bob.left()] as const
      const controller = new AbortController()
      atStep(bob, step, () => controller.abort(new Error('enough')))
      const dial = bob.dial(alice.id, hub, controller.signal)
      // a connection that is there is nobody's to give up
      if (step === 'ready') await dial.then(connection => connection.close()).catch(() => {})
      else await assert.rejects(dial)
      await untilAs(before[1], bob)
      await untilAs(withoutTimers(before[0]), alice)
    })
  }

  it('when the peer is not there, or has as many links as it may', async t => {
    const { alice, bob } = await two(t)
    const before = [await alice.left(), await bob.left()] as const
    const nobody = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    for (let i = 0; i < 5; i++) await assert.rejects(bob.dial(nobody), { code: 'PEER_OFFLINE' })
    const links = []
    for (let i = 0; i < 8; i++) links.push(await bob.dial(alice.id))
    assert.ok(links.every(({ multiplexer }) => multiplexer === LINK_PROTOCOL))
    await assert.rejects(bob.dial(alice.id), { code: 'LIMIT' })
    await Promise.all(links.map(link => link.close()))
    await untilAs(withoutTimers(before[0]), alice)
    await untilAs(before[1], bob)
  })
})

describe('a node that stops', () => {
  it('says goodbye by a relay, too', async t => {
    const { alice, bob } = await two(t)
    for (const [stops, stays] of [
      [bob, alice],
      [alice, bob]
    ] as const) {
      await echo(await bob.dial(alice.id))
      await until('the other side has it', () => stays.links.all().length === 1)
      await stops.libp2p.stop()
      await until('the other side has heard of the end', () => stays.links.all().length === 0)
      await stops.libp2p.start()
      await stops.reserve()
    }
  })

  for (const step of STEPS.slice(0, -1)) {
    it(`at '${step}' of a dial ends it, and can be started again`, async t => {
      const { alice, bob, hub } = await two(t)
      const before = await alice.left()
      const stopped = Promise.withResolvers<void>()
      atStep(bob, step, () => stopped.resolve(bob.libp2p.stop()))
      await assert.rejects(bob.dial(alice.id, hub, AbortSignal.timeout(60_000)))
      await stopped.promise
      assert.deepEqual(bob.links.all(), [])
      await untilAs(withoutTimers(before), alice)
      atStep(bob, 'direct', () => {})
      await bob.libp2p.start()
      await bob.reserve()
      const connection = await bob.dial(alice.id)
      assert.equal(connection.multiplexer, LINK_PROTOCOL)
      await echo(connection)
    })
  }

  for (const step of STEPS.slice(STEPS.indexOf('accepted'))) {
    it(`while it is dialled, at '${step}', leaves nobody with a link to it`, async t => {
      const { alice, bob } = await two(t)
      const before = await bob.left()
      const stopped = Promise.withResolvers<void>()
      atStep(bob, step, () => stopped.resolve(alice.libp2p.stop()))
      // the dialler's handshake may be done already: what it has then is over at once
      const connection = await bob.dial(alice.id).catch(() => undefined)
      await until('the dialler has heard of the end', () => connection == null || connection.status !== 'open')
      await stopped.promise
      assert.deepEqual(alice.links.all(), [])
      await untilAs(before, bob)
    })
  }

  it('while its gater is asked about a connection that it dialled ends that, too', async t => {
    const { alice, bob } = await two(t)
    const stopped = Promise.withResolvers<void>()
    bob.gater.denyOutboundUpgradedConnection = async () => {
      stopped.resolve(bob.libp2p.stop())
      return false
    }
    await assert.rejects(bob.dial(alice.id))
    await stopped.promise
    await until('the other side has heard of the end', () => alice.links.all().length === 0)
  })

  it('before its own handshake is done, and after that of the dialler, leaves it without a link', async t => {
    await using relay = await BadRelay.open()
    const [alice, bob] = await Promise.all([bare([relay]), bare([relay])])
    t.after(() => Promise.all([alice.libp2p.stop(), bob.libp2p.stop()]))
    await Promise.all([alice.reserve(), bob.reserve()])
    let first: LongHeader | undefined
    relay.mischief = (datagram, number) => {
      const header = number === 0 ? undefined : longHeader(datagram)
      first ??= header
      // what the client sends when it knows the server's id is the end of its handshake
      const isAnswer = header?.sourceId === first?.sourceId && header?.destinationId !== first?.destinationId
      return header != null && isAnswer ? [] : [datagram]
    }
    const connection = await bob.dial(alice.id)
    assert.equal(connection.status, 'open')
    assert.deepEqual(
      alice.links.all().map(link => link.connection),
      [undefined]
    )
    await alice.libp2p.stop()
    await until('the dialler has heard of the end', () => connection.status !== 'open')
    assert.deepEqual(bob.links.all(), [])
  })
})

it('a link that ends while the switch is told of its handshake leaves no connection', async t => {
  const { alice, bob } = await two(t)
  const packetSwitch = await alice.packetSwitch()
  const accept = packetSwitch.accept.bind(packetSwitch)
  packetSwitch.accept = async port => {
    const flow = await accept(port)
    for (const link of alice.links.all()) link.close()
    return flow
  }
  const opened: unknown[] = []
  alice.libp2p.addEventListener('connection:open', ({ detail }) => opened.push(detail.multiplexer))
  const connection = await bob.dial(alice.id).catch(() => undefined)
  await until('the dialler has heard of the end', () => connection == null || connection.status !== 'open')
  await until('nothing is left', () => alice.links.all().length === 0)
  assert.deepEqual(opened, [])
})

it('a reservation is renewed however many relayed streams run to the hub', async t => {
  const { bob } = await two(t)
  const [hub] = bob.libp2p.getConnections()
  const streams = []
  for (let i = 0; i < 100; i++) streams.push(await openHop(hub!, {}))
  assert.ok((await reserve(hub!, () => undefined, AbortSignal.timeout(5_000))).ttlMs > 0)
  for (const stream of streams) stream.abort(new Error('the test has seen enough'))
})

it('a peer that knows no links is reached as before', async t => {
  const { bob, hub } = await two(t)
  const relay = hub.addrs.find(each => /^\/ip4\/[^/]+\/tcp\/\d+\/p2p\//.test(each))!
  const other = await createLibp2p({
    addresses: { listen: [`${relay}/p2p-circuit`] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() }
  })
  t.after(() => other.stop())
  await until('it is at the hub', () => other.getMultiaddrs().some(each => each.toString().includes('p2p-circuit')))
  const before = await bob.left()
  const { multiplexer } = await bob.dial(other.peerId)
  assert.equal(multiplexer, '/yamux/1.0.0')
  for (const each of bob.libp2p.getConnections(other.peerId)) await each.close()
  await untilAs(before, bob)
})
