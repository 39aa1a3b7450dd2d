import assert from 'node:assert/strict'
import test from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import { realClock } from '../../../src/core/clock.ts'
import { withDeadline } from '../../../src/core/deadline.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { RENDEZVOUS_LIMITS } from '../../../src/hub/rendezvous/index.ts'
import { encodeFrame, takeFrame } from '../../../src/libp2p/frames.ts'
import { openPeerRecord } from '../../../src/libp2p/peer-record.ts'
import {
  MAX_RENDEZVOUS_BYTES,
  RENDEZVOUS_PROTOCOL,
  rendezvousEventCodec,
  rendezvousRequestCodec
} from '../../../src/wire/rendezvous.ts'
import { bin, filled, hex } from '../../wire/bytes.ts'
import { until } from '../records/stage.ts'
import { signal, startHub, startPeer, startRelay } from './stage.ts'

test('a peer registers, another one finds it, watches it, is told what becomes of it, and stops', async t => {
  const hub = await startHub(t)
  const [alice, bob] = [await startPeer(t, hub), await startPeer(t, hub)]
  const [hers, his] = [await alice.open(), await bob.open()]
  const first = await alice.record(1)
  const { status, lifetimeSeconds, envelope } = await hers.ask({ type: 'REGISTER', envelope: first })
  assert.deepEqual([status, lifetimeSeconds, envelope], ['OK', 3_600, undefined])
  const found = await his.ask({ type: 'QUERY', peer: alice.multihash })
  assert.deepEqual([found.status, Buffer.from(found.envelope!)], ['OK', Buffer.from(first)])
  const watch = await his.ask({ type: 'WATCH', peer: alice.multihash })
  assert.deepEqual([watch.status, Buffer.from(watch.envelope!)], ['OK', Buffer.from(first)])
  const second = await alice.record(2)
  await hers.ask({ type: 'REGISTER', envelope: second })
  const news = await his.read()
  assert.ok(news.type === 'NEWS')
  assert.deepEqual(
    [Buffer.from(news.peer), Buffer.from(news.envelope!)],
    [Buffer.from(alice.multihash), Buffer.from(second)]
  )
  assert.equal((await hers.ask({ type: 'REGISTER', envelope: first })).status, 'STALE')
  await hers.ask({ type: 'REGISTER', envelope: await alice.record(3, { left: true }) })
  const gone = await his.read()
  assert.ok(gone.type === 'NEWS' && gone.envelope == null)
  assert.equal((await his.ask({ type: 'UNWATCH', peer: alice.multihash })).status, 'OK')
  await hers.ask({ type: 'REGISTER', envelope: await alice.record(4) })
  assert.equal((await his.ask({ type: 'QUERY', peer: alice.multihash })).status, 'OK')
  assert.equal(his.news.length, 2)
})

test('a peer is called, with the record of who calls', async t => {
  const hub = await startHub(t)
  const [alice, bob] = [await startPeer(t, hub), await startPeer(t, hub)]
  const [hers, his] = [await alice.open(), await bob.open()]
  // the hub knows her stream when it has answered on it
  await hers.ask({ type: 'QUERY', peer: bob.multihash })
  const envelope = await bob.record(1)
  assert.equal((await his.ask({ type: 'CALL', peer: alice.multihash, envelope })).status, 'OK')
  const event = await hers.read()
  assert.ok(event.type === 'CALLED')
  assert.ok((await openPeerRecord(event.envelope)).peer.equals(bob.id))
  const other = await alice.record(1)
  assert.equal((await his.ask({ type: 'CALL', peer: alice.multihash, envelope: other })).status, 'BAD_RECORD')
})

test("nobody registers somebody else's record", async t => {
  const hub = await startHub(t)
  const [alice, bob] = [await startPeer(t, hub), await startPeer(t, hub)]
  const his = await bob.open()
  const { status, detail } = await his.ask({ type: 'REGISTER', envelope: await alice.record(1) })
  assert.equal(status, 'BAD_RECORD')
  assert.match(detail!, /has not signed/)
})

test('64 requests are in hand at once, and answered by their numbers; the next one is too many', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  hub.store.mood = 'hanging'
  const most = RENDEZVOUS_LIMITS.maxInFlight
  for (let request = 0; request <= most; request++) talk.send({ type: 'QUERY', request, peer: alice.multihash })
  const refused = await talk.answer()
  assert.deepEqual([refused.request, refused.status], [most, 'LIMIT'])
  assert.match(refused.detail!, /64 requests/)
  hub.store.goOn()
  const numbers = new Set<number>()
  for (let i = 0; i < most; i++) {
    const { request, status } = await talk.answer()
    assert.equal(status, 'NOT_FOUND')
    numbers.add(request)
  }
  assert.equal(numbers.size, most)
  await hub.clock.advance(RENDEZVOUS_LIMITS.pauseMs)
  assert.equal((await talk.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
})

const query = (peer: Uint8Array) => encodeFrame(rendezvousRequestCodec.encode({ type: 'QUERY', request: 1, peer }))
const garbage: ReadonlyArray<readonly [string, Uint8Array]> = [
  ['bytes that are no message', bin('03 ffffff')],
  ['an empty message', bin('00')],
  ['a request of no known type without a number', bin('02 0809')],
  ['a message that is too long', bin('ff7f')],
  ['a length of three bytes', bin('ffffff')],
  ['a peer id that is none', query(filled(38, 0xff))],
  ['a peer id cut off', query(bin('0024 0801 1220 03'))],
  ['a hash with nothing in it', query(bin('1200'))],
  ['a hash that is too long', query(bin(`1221 ${hex(filled(33))}`))]
]
for (const [what, bytes] of garbage) {
  test(`garbage ends the stream, and nothing else: ${what}`, async t => {
    const hub = await startHub(t)
    const alice = await startPeer(t, hub)
    const [good, bad] = [await alice.open(), await alice.open()]
    bad.stream.send(bytes)
    await assert.rejects(bad.read())
    assert.equal(bad.stream.status, 'reset')
    assert.equal((await good.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
    assert.equal(alice.connection.status, 'open')
  })
}

test('a request of a later version is answered, and the stream goes on; who makes no others is slowed down', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  const waiting = hub.clock.pending
  talk.stream.send(bin('06 0809 10d087 01'))
  assert.deepEqual(await talk.answer(), {
    type: 'ANSWER',
    request: 17_360,
    status: 'UNAVAILABLE',
    detail: 'this hub does not know what is asked'
  })
  await until('it waits before it reads on', () => hub.clock.pending === waiting + 1)
  await hub.clock.advance(RENDEZVOUS_LIMITS.pauseMs)
  assert.equal((await talk.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
})

test('streams of random bytes and of spoiled requests: the hub serves on', async t => {
  const hub = await startHub(t)
  const random = seededRandom(5)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  const samples = [query(alice.multihash), encodeFrame(filled(200, 7))]
  for (let peer = 0; peer < 3; peer++) {
    const mallory = await startPeer(t, hub)
    for (let i = 0; i < 16; i++) {
      const bytes = i % 2 === 0 ? random.bytes(random.int(1, 5_000)) : Uint8Array.from(samples[i % 4 === 1 ? 0 : 1]!)
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
      const { stream } = await mallory.open()
      stream.send(bytes)
      await stream.close({ signal: signal() }).catch(() => {})
      stream.abort(new Error('enough'))
    }
    assert.equal((await talk.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
  }
  await until('the hub has seen their ends', () => hub.registry.counts.members === 1)
})

test('a flood that nobody waits for the answers of ends the stream', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  hub.store.mood = 'hanging'
  const flood = Buffer.concat(Array.from({ length: 4_000 }, () => query(alice.multihash)))
  talk.stream.send(flood)
  await until('it was reset', () => talk.stream.status === 'reset')
  hub.store.goOn()
  await until('the hub has no stream of it', () => hub.registry.counts.members === 0)
})

test('a peer has four streams, and not a fifth', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  for (let i = 0; i < RENDEZVOUS_LIMITS.maxStreams; i++) {
    const talk = await alice.open()
    assert.equal((await talk.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
  }
  await assert.rejects(async () => {
    const talk = await alice.open()
    await talk.ask({ type: 'QUERY', peer: alice.multihash })
  })
})

test('who opens one stream after the other is stopped', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const opened = async () => {
    const talk = await alice.open()
    await talk.ask({ type: 'QUERY', peer: alice.multihash })
    const { members } = hub.registry.counts
    await talk.stream.close({ signal: signal() })
    await until('the hub has seen the end', () => hub.registry.counts.members === 0)
    return members
  }
  for (let i = 0; i < 16; i++) assert.equal(await opened(), 1)
  await assert.rejects(opened())
  await hub.clock.advance(1_000)
  assert.equal(await opened(), 1)
  await assert.rejects(opened())
})

test('who is refused for asking too often is read more slowly', async t => {
  const hub = await startHub(t, { limits: { lookups: { burst: 10, refillMs: 3_600_000, maxKeys: 10 } } })
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  for (let request = 0; request < 1_000; request++) talk.send({ type: 'QUERY', request, peer: alice.multihash })
  const seen: number[] = []
  const heard = async (until: number) => {
    while (seen.length < until) {
      const { request, status } = await talk.answer()
      assert.equal(status, request < 10 ? 'NOT_FOUND' : 'LIMIT')
      seen.push(request)
    }
  }
  await heard(11)
  // what was read in the turn of the first refusal is answered, too
  const before = hub.requests()
  assert.ok(before <= 10 + 4, `${before} requests at once`)
  for (let pause = 1; pause <= 5; pause++) {
    await hub.clock.advance(RENDEZVOUS_LIMITS.pauseMs)
    await heard(11 + pause)
  }
  assert.ok(hub.requests() <= before + 5 * 4, `${hub.requests()} requests`)
})

test('a hub that is not for everybody says why, to each request; who is let in meanwhile is served', async t => {
  let refusal: string | undefined = 'this hub is for peers with a token'
  const hub = await startHub(t, { refusal: () => refusal })
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  const envelope = await alice.record(1)
  const peer = alice.multihash
  for (const message of [
    { type: 'REGISTER', envelope },
    { type: 'QUERY', peer },
    { type: 'WATCH', peer },
    { type: 'CALL', peer, envelope }
  ] as const) {
    const { status, detail } = await talk.ask(message)
    assert.deepEqual([status, detail], ['FORBIDDEN', refusal])
  }
  assert.equal(hub.store.asked.get('put'), undefined)
  refusal = undefined
  assert.equal((await talk.ask({ type: 'REGISTER', envelope })).status, 'OK')
})

test('over a relay nobody is served', async t => {
  const relay = await startRelay(t)
  const hub = await startHub(t, { over: relay })
  await until('the hub is there', () => relay.getConnections(hub.node.peerId).length > 0)
  const alice = await startPeer(t, hub)
  const bob = await startPeer(t, { node: relay })
  const relayed = await bob.node.dial(multiaddr(`${relay.getMultiaddrs()[0]}/p2p-circuit/p2p/${hub.node.peerId}`))
  assert.equal(relayed.direct, false)
  await assert.rejects(async () => {
    const stream = await relayed.newStream(RENDEZVOUS_PROTOCOL, { runOnLimitedConnection: true, signal: signal() })
    stream.send(query(alice.multihash))
    for await (const _ of stream) assert.fail('it was served')
    assert.equal(stream.status, 'open', 'it has ended')
  })
  assert.equal(hub.registry.counts.members, 0)
})

test('who says no more is answered what it has asked, and then the stream ends', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  await talk.ask({ type: 'REGISTER', envelope: await alice.record(1) })
  hub.store.mood = 'hanging'
  talk.send({ type: 'REGISTER', request: 7, envelope: await alice.record(2, { left: true }) })
  await talk.stream.close({ signal: signal() })
  hub.store.goOn()
  const { request, status } = await talk.answer()
  assert.deepEqual([request, status], [7, 'OK'])
  await assert.rejects(talk.read(), { code: 'LINK_CLOSED' })
  await until('the hub has no stream of it', () => hub.registry.counts.members === 0)
})

test('a peer whose connection breaks watches nothing any more, and what it registered goes after a minute', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  await talk.ask({ type: 'REGISTER', envelope: await alice.record(1) })
  await talk.ask({ type: 'WATCH', peer: alice.multihash })
  assert.deepEqual(hub.registry.counts, { held: 1, watches: 1, members: 1, releases: 0 })
  alice.connection.abort(new Error('the cable'))
  await until('the hub has no stream of it', () => hub.registry.counts.members === 0)
  assert.deepEqual(hub.registry.counts, { held: 1, watches: 0, members: 0, releases: 0 })
  await hub.clock.advance(60_000)
  await until('it is released', () => hub.registry.counts.held === 0 && hub.registry.counts.releases === 0)
})

test('a peer with a reservation: its record goes a minute after that has ended', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub, 'reserved')
  const bob = await startPeer(t, hub)
  await until('the reservation is there', () => alice.node.getMultiaddrs().length > 0)
  const [hers, his] = [await alice.open(), await bob.open()]
  await hers.ask({ type: 'REGISTER', envelope: await alice.record(Date.now()) })
  assert.equal((await his.ask({ type: 'WATCH', peer: alice.multihash })).status, 'OK')
  await alice.node.stop()
  await until('the hub has seen it', () => hub.registry.counts.members === 1)
  await hub.clock.advance(59_999)
  assert.equal((await his.ask({ type: 'QUERY', peer: alice.multihash })).status, 'OK')
  await hub.clock.advance(1)
  const event = await his.read()
  assert.ok(event.type === 'NEWS' && event.envelope == null)
  assert.equal((await his.ask({ type: 'QUERY', peer: alice.multihash })).status, 'NOT_FOUND')
})

test('who does not read is told the newest of each peer when it does, and what waits for it is bounded', async t => {
  const hub = await startHub(t, { limits: { registrations: { burst: 10_000, refillMs: 1, maxKeys: 10 } } })
  const [alice, bob] = [await startPeer(t, hub), await startPeer(t, hub)]
  const [hers, his] = [await alice.open(), await bob.open()]
  await his.ask({ type: 'WATCH', peer: alice.multihash })
  // read no more: what is there already is taken over
  const stream = his.frames.unwrap()
  stream.pause()
  // 700 records of 7 kB are twice what may be on the way
  const addresses = Array.from({ length: 31 }, (_, i) => multiaddr(`/dns4/${'a'.repeat(220)}/tcp/${i + 1}`))
  const last = 700
  for (let seq = 1; seq <= last; seq++) {
    const { status } = await hers.ask({ type: 'REGISTER', envelope: await alice.record(seq, { addresses }) })
    assert.equal(status, 'OK')
  }
  const unread = new Uint8ArrayList()
  const numbers: number[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.addEventListener('message', ({ data }) => {
    unread.append(data)
    for (let body = taken(unread); body != null; body = taken(unread)) {
      const { envelope } = rendezvousEventCodec.decode(body) as { envelope: Uint8Array }
      void openPeerRecord(envelope).then(({ seq }) => {
        numbers.push(seq)
        if (seq === last) resolve()
      })
    }
  })
  stream.resume()
  await withDeadline(realClock, 20_000, 'the newest', undefined, () => promise)
  assert.ok(numbers.length < last - 200, `${numbers.length} news`)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b)
  )
})

const taken = (unread: Uint8ArrayList) => takeFrame(unread, 'rendezvous', MAX_RENDEZVOUS_BYTES)

test('while the store is away peers stay connected, are told so, and are served when it is back', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  const envelope = await alice.record(1)
  hub.store.mood = 'away'
  const { status, detail } = await talk.ask({ type: 'REGISTER', envelope })
  assert.deepEqual([status, detail], ['UNAVAILABLE', 'the hub cannot get at its records now'])
  hub.store.mood = 'there'
  assert.equal((await talk.ask({ type: 'REGISTER', envelope })).status, 'OK')
  assert.equal(alice.connection.status, 'open')
})

test('a hub that stops ends its streams', async t => {
  const hub = await startHub(t)
  const alice = await startPeer(t, hub)
  const talk = await alice.open()
  await talk.ask({ type: 'QUERY', peer: alice.multihash })
  await hub.node.stop()
  await assert.rejects(talk.read())
  assert.equal(hub.registry.counts.members, 0)
})
