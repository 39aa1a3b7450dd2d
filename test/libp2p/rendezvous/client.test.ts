import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import { type HubAnswer, type HubNews, RENDEZVOUS } from '../../../src/libp2p/rendezvous/api.ts'
import { type Behaviour, clientOf, peerId } from './fake-hub.ts'

const RECORD = Uint8Array.of(1, 2, 3)
const found: Behaviour = () => ({ status: 'OK', envelope: RECORD })
const silent: Behaviour = () => undefined

/** What came of it, once so much time has passed. */
async function after(clock: VirtualClock, ms: number, asked: Promise<HubAnswer>): Promise<HubAnswer | undefined> {
  let answer: HubAnswer | undefined
  void asked.then(got => {
    answer = got
  })
  await clock.advance(ms)
  return answer
}

describe('requests to a hub', () => {
  it('go by one stream, which is opened with the first', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    const peer = await peerId()
    assert.equal(hub.streams.length, 0)
    const answers = await Promise.all([client.query(hub.id, peer), client.query(hub.id, peer)])
    for (const each of answers) assert.deepEqual(each, { outcome: 'answered', status: 'OK', envelope: RECORD })
    assert.equal((await client.register(hub.id, RECORD)).outcome, 'answered')
    assert.equal(hub.streams.length, 1)
    assert.deepEqual(hub.asked(), ['QUERY', 'QUERY', 'REGISTER'])
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('have the answer with their own number, in whatever order it comes', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, silent)
    const peers = await Promise.all([peerId(), peerId(), peerId()])
    const asked = peers.map(each => client.query(hub.id, each))
    await clock.advance(0)
    for (const { request } of [...hub.requests].reverse()) {
      hub.stream.say({ type: 'ANSWER', request, status: 'NOT_FOUND', detail: `of ${request}` })
    }
    const details = (await Promise.all(asked)).map(each => each.detail)
    assert.deepEqual(details, ['of 1', 'of 2', 'of 3'])
  })

  it('are so many at once, and the others follow', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, silent)
    const peer = await peerId()
    const asked = Array.from({ length: RENDEZVOUS.inFlight + 3 }, () => client.query(hub.id, peer))
    await clock.advance(0)
    assert.equal(hub.requests.length, RENDEZVOUS.inFlight)
    hub.behaviour = found
    for (const { request } of hub.requests.slice()) hub.stream.say({ type: 'ANSWER', request, status: 'OK' })
    await clock.advance(0)
    assert.equal(hub.requests.length, RENDEZVOUS.inFlight + 3)
    for (const each of await Promise.all(asked)) assert.equal(each.outcome, 'answered')
  })

  it('end with the signal of who asks, and only then by an error', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, silent)
    const enough = new AbortController()
    const asked = client.query(hub.id, await peerId(), enough.signal)
    await clock.advance(1)
    enough.abort(new Error('enough'))
    await assert.rejects(asked, /enough/)
    // an answer to it that comes later harms nobody
    hub.stream.say({ type: 'ANSWER', request: 1, status: 'OK' })
    assert.equal(hub.stream.status, 'open')
    assert.equal(clock.pending, 0)
  })
})

describe('a hub', () => {
  const rows: readonly [string, HubAnswer['outcome'], Behaviour][] = [
    ['does not answer', 'silent', silent],
    [
      'ends the stream at once, as who does not know the protocol',
      'unsupported',
      (_, stream) => void stream.onRemoteReset()
    ],
    ['does not know the protocol', 'unsupported', (_, stream) => void stream.abort(new NatError('UNSUPPORTED', 'na'))],
    ['says what is no message', 'garbage', (_, stream) => void stream.sayBytes(Uint8Array.of(3, 0xff, 0xff, 0xff))],
    ['says that a message of 16 kB comes', 'garbage', (_, stream) => void stream.sayBytes(Uint8Array.of(0xff, 0x7f))],
    [
      'answers what nobody has asked',
      'garbage',
      (_, stream) => void stream.say({ type: 'ANSWER', request: 77, status: 'OK' })
    ],
    [
      'has something to say and ends the stream',
      'refused',
      (_, stream) => {
        stream.say({ type: 'CALLED', envelope: RECORD })
        stream.onRemoteCloseWrite()
        return undefined
      }
    ]
  ]
  for (const [what, outcome, behaviour] of rows) {
    it(`that ${what} is ${outcome}`, async () => {
      const clock = new VirtualClock()
      const { client, hub } = await clientOf(clock, 1, behaviour)
      const answer = await after(clock, RENDEZVOUS.answerMs, client.query(hub.id, await peerId()))
      assert.equal(answer?.outcome, outcome)
      client.stop()
      assert.equal(clock.pending, 0)
    })
  }

  it('that says what a later version does is asked on, and heard', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, (_, stream) => {
      stream.sayBytes(Uint8Array.of(2, 0x08, 99))
      stream.say({ type: 'CALLED', envelope: RECORD })
      return { status: 'NOT_FOUND' }
    })
    let calls = 0
    client.events.on('called', () => calls++)
    for (let asked = 1; asked <= 2; asked++) {
      const answer = await after(clock, RENDEZVOUS.answerMs, client.query(hub.id, await peerId()))
      assert.equal(answer?.outcome, 'answered')
      assert.equal(calls, asked)
    }
    assert.equal(hub.streams.length, 1)
    // no more of it than of news
    for (let i = 0; i < 2_100; i++) if (hub.stream.status === 'open') hub.stream.sayBytes(Uint8Array.of(2, 0x08, 99))
    assert.notEqual(hub.stream.status, 'open')
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('that is not reached, or goes before it answers, is silent', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, silent)
    hub.isReachable = false
    assert.equal((await client.query(hub.id, await peerId())).outcome, 'silent')
    hub.reconnect()
    const asked = client.query(hub.id, await peerId())
    await clock.advance(1)
    hub.disconnect()
    assert.deepEqual(await asked, { outcome: 'silent', detail: 'the connection is gone' })
  })

  it('that lacks the protocol is not asked again before it is connected to anew', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(
      clock,
      1,
      (_, stream) => void stream.abort(new NatError('UNSUPPORTED', 'na'))
    )
    const peer = await peerId()
    for (const _ of [1, 2, 3]) assert.equal((await client.query(hub.id, peer)).outcome, 'unsupported')
    assert.equal(hub.streams.length, 1)
    hub.disconnect()
    hub.reconnect()
    hub.behaviour = found
    assert.equal((await client.query(hub.id, peer)).outcome, 'answered')
  })

  it('that may lack it is not tried for the sake of calls', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, (_, stream) => void stream.onRemoteReset())
    client.hubBack(hub.id)
    assert.equal((await client.register(hub.id, RECORD)).outcome, 'unsupported')
    await clock.advance(3_600_000)
    assert.equal(hub.streams.length, 1)
    assert.equal(clock.pending, 0)
  })

  it('that may lack it is asked again after a minute', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, (_, stream) => void stream.onRemoteReset())
    const peer = await peerId()
    assert.equal((await client.query(hub.id, peer)).outcome, 'unsupported')
    hub.behaviour = found
    await clock.advance(RENDEZVOUS.maxReopenMs - 1)
    assert.equal((await client.query(hub.id, peer)).outcome, 'unsupported')
    await clock.advance(1)
    assert.equal((await client.query(hub.id, peer)).outcome, 'answered')
  })

  it('may say any bytes, in any pieces: each request has one answer, and none of them is an error', async () => {
    const peer = await peerId()
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(pieces, async said => {
        const clock = new VirtualClock()
        const { client, hub } = await clientOf(clock, 1, (_, stream) => {
          for (const each of said) if (stream.status === 'open') stream.sayBytes(each)
          return undefined
        })
        const answer = await after(clock, RENDEZVOUS.answerMs, client.query(hub.id, peer))
        assert.ok(answer != null)
        client.stop()
        assert.equal(clock.pending, 0)
      }),
      { numRuns: 200 }
    )
  })

  it('that talks too much unasked is cut off', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    await client.query(hub.id, await peerId())
    const { stream } = hub
    for (let i = 0; i < 10_000 && stream.status === 'open'; i++) stream.say({ type: 'CALLED', envelope: RECORD })
    assert.equal(stream.status, 'aborted')
    client.stop()
  })

  it('may call us by a stream that is kept open from the first registration on', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    const calls: Uint8Array[] = []
    client.events.on('called', ({ envelope }) => calls.push(envelope))
    client.hubBack(hub.id)
    await clock.advance(100)
    assert.equal(hub.streams.length, 0)
    await client.register(hub.id, RECORD)
    hub.stream.onRemoteReset()
    await clock.advance(RENDEZVOUS.firstReopenMs)
    assert.equal(hub.streams.length, 2)
    hub.stream.say({ type: 'CALLED', envelope: RECORD })
    assert.equal(calls.length, 1)
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('whose streams end at once again and again is asked more and more rarely', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    client.hubBack(hub.id)
    await client.register(hub.id, RECORD)
    hub.onOpen = stream => queueMicrotask(() => stream.sayBytes(Uint8Array.of(2, 0xff, 0xff)))
    hub.stream.sayBytes(Uint8Array.of(2, 0xff, 0xff))
    await clock.advance(3_600_000)
    assert.ok(hub.streams.length > 60 && hub.streams.length < 150, String(hub.streams.length))
    client.stop()
    assert.equal(clock.pending, 0)
  })
})

describe('watches', () => {
  it('tell what all hubs say, at once and later, until nobody listens', async () => {
    const clock = new VirtualClock()
    const { client, hubs } = await clientOf(clock, 2)
    const [one, other] = hubs
    const peer = await peerId()
    one!.behaviour = found
    const news: HubNews[] = []
    for (const { id } of hubs) client.hubBack(id)
    const stop = client.watch(peer, each => news.push(each))
    await clock.advance(1)
    assert.deepEqual(news.splice(0), [
      { hub: one!.id, envelope: RECORD },
      { hub: other!.id, envelope: undefined }
    ])
    const { bytes } = peer.toMultihash()
    other!.stream.say({ type: 'NEWS', peer: bytes, envelope: RECORD })
    other!.stream.say({ type: 'NEWS', peer: bytes })
    other!.stream.say({ type: 'NEWS', peer: (await peerId()).toMultihash().bytes, envelope: RECORD })
    assert.deepEqual(news.splice(0), [
      { hub: other!.id, envelope: RECORD },
      { hub: other!.id, envelope: undefined }
    ])
    stop()
    stop()
    await clock.advance(1)
    for (const each of hubs) assert.deepEqual(each.asked(), ['WATCH', 'UNWATCH'])
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('go on when a hub was away, and are not begun before it is there', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    const news: HubNews[] = []
    hub.isReachable = false
    client.watch(await peerId(), each => news.push(each))
    await clock.advance(10_000)
    assert.equal(hub.streams.length, 0)
    hub.reconnect()
    client.hubBack(hub.id)
    await clock.advance(1)
    assert.equal(news.length, 1)
    hub.disconnect()
    client.hubGone(hub.id)
    await clock.advance(100_000)
    hub.reconnect()
    client.hubBack(hub.id)
    await clock.advance(1)
    assert.equal(news.length, 2)
    assert.deepEqual(hub.asked(), ['WATCH', 'WATCH'])
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('that a hub has no room for are tried again', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, () => ({ status: 'LIMIT' }))
    const news: HubNews[] = []
    client.hubBack(hub.id)
    client.watch(await peerId(), each => news.push(each))
    await clock.advance(4_000)
    const tries = hub.asked().length
    assert.ok(tries >= 3 && tries <= 6, String(tries))
    hub.behaviour = found
    await clock.advance(10_000)
    assert.equal(news.length, 1)
    assert.equal(hub.asked().length, 1)
    client.stop()
  })

  it('are all told again to a hub that has ended the stream, all 1,024 of them', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1)
    client.hubBack(hub.id)
    let news = 0
    const peers = await Promise.all(Array.from({ length: 1_024 }, peerId))
    for (const each of peers) client.watch(each, () => news++)
    await clock.advance(1)
    assert.equal(news, 1_024)
    hub.asked()
    hub.stream.onRemoteReset()
    await clock.advance(RENDEZVOUS.firstReopenMs)
    assert.equal(hub.asked().length, 1_024)
    assert.equal(news, 2_048)
    client.stop()
    assert.equal(clock.pending, 0)
  })

  it('are told to the new connection when a hub is connected to anew while the old one still lives', async () => {
    const clock = new VirtualClock()
    const { client, hub } = await clientOf(clock, 1, found)
    client.hubBack(hub.id)
    const peer = await peerId()
    client.watch(peer, () => {})
    await clock.advance(1)
    hub.reconnect()
    await client.query(hub.id, peer)
    await clock.advance(RENDEZVOUS.firstReopenMs)
    assert.deepEqual(hub.asked(), ['WATCH', 'QUERY', 'WATCH'])
    assert.deepEqual(
      hub.streams.map(({ status }) => status),
      ['aborted', 'open']
    )
    client.stop()
  })
})
