import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import { type KnownPeer, openPeerRecord, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import type { HubAnswer } from '../../src/libp2p/rendezvous/api.ts'
import { HUB_REGISTRATION, type Registered } from '../../src/node/hub-registration.ts'
import { REGISTRATION, Registration } from '../../src/node/registration.ts'
import { peerId } from '../libp2p/rendezvous/fake-hub.ts'

const START_MS = Date.UTC(2026, 0, 1)
const HOME = multiaddr('/ip4/192.0.2.7/udp/4001/quic-v1')
const OFFICE = multiaddr('/ip4/198.51.100.7/udp/4001/quic-v1')
const ok: HubAnswer = { outcome: 'answered', status: 'OK', lifetimeSeconds: 3_600 }

interface Sent extends Pick<KnownPeer, 'seq' | 'left' | 'issuedAtSeconds'> {
  readonly atMs: number
  readonly hub: number
  readonly addresses: readonly string[]
}

/** A node and its hubs, which answer as the test says. */
async function node(hubCount = 1) {
  const clock = new VirtualClock()
  const key = await generateKeyPair('Ed25519')
  const self = peerIdFromPrivateKey(key)
  const hubs = await Promise.all(Array.from({ length: hubCount }, peerId))
  const sent: Sent[] = []
  const told: (Registered & { readonly hub: number })[] = []
  const indexOf = (hub: PeerId) => hubs.findIndex(each => each.equals(hub))
  const state = {
    addresses: [HOME],
    busy: false,
    wallOffMs: 0,
    answer: (_: Sent): HubAnswer | Promise<HubAnswer> => ok
  }
  const registration = new Registration({
    hubs,
    clock,
    random: seededRandom(1),
    wallMs: () => START_MS + clock.now() + state.wallOffMs,
    whereabouts: () => ({ addresses: state.addresses, summary: undefined }),
    seal: init => sealPeerRecord(key, init),
    open: envelope => openPeerRecord(envelope, self),
    async send(hub, envelope) {
      const { seq, left, issuedAtSeconds, addresses } = await openPeerRecord(envelope, self)
      const one = { atMs: clock.now(), hub: indexOf(hub), seq, left, issuedAtSeconds, addresses: addresses.map(String) }
      sent.push(one)
      return await state.answer(one)
    },
    isBusy: () => state.busy,
    onRegistered: (hub, registered) => told.push({ ...registered, hub: indexOf(hub) }),
    onProblem: error => {
      throw error
    }
  })
  return { clock, key, hubs, hub: hubs[0]!, registration, sent, told, state }
}

describe('a registration', () => {
  it('goes out as soon as there is a hub, and not before', async () => {
    const { clock, registration, hub, sent, told } = await node()
    registration.changed()
    await clock.advance(10_000)
    assert.deepEqual(sent, [])
    registration.hubBack(hub)
    await clock.advance(0)
    const { seq, issuedAtSeconds, left, addresses } = sent[0]!
    assert.deepEqual(addresses, [HOME.toString()])
    assert.equal(seq, START_MS + 10_000)
    assert.equal(issuedAtSeconds, (START_MS + 10_000) / 1_000)
    assert.equal(left, false)
    assert.deepEqual(told, [{ hub: 0, ok: true }])
    await clock.advance(60_000)
    assert.equal(sent.length, 1)
  })

  it('lets a connect go first, but not for ever', async () => {
    const { clock, registration, hub, sent, state } = await node()
    state.busy = true
    registration.hubBack(hub)
    await clock.advance(600)
    assert.equal(sent.length, 0)
    state.busy = false
    await clock.advance(REGISTRATION.busyMs)
    assert.equal(sent.length, 1)
    state.busy = true
    state.addresses = [OFFICE]
    registration.changed()
    await clock.advance(REGISTRATION.changedMs + REGISTRATION.busyAtMostMs)
    assert.equal(sent.length, 2)
  })

  it('is the same one at all hubs, and goes to one that comes later, or back', async () => {
    const { clock, registration, hubs, sent } = await node(3)
    registration.hubBack(hubs[0]!)
    registration.hubBack(hubs[1]!)
    await clock.advance(5_000)
    registration.hubBack(hubs[2]!)
    await clock.advance(5_000)
    registration.hubGone(hubs[0]!)
    registration.hubBack(hubs[0]!)
    await clock.advance(5_000)
    assert.deepEqual(
      sent.map(({ hub }) => hub),
      [0, 1, 2, 0]
    )
    assert.equal(new Set(sent.map(({ seq }) => seq)).size, 1)
  })

  it('is made anew a second after a change, once for many, and not when all is as it was', async () => {
    const { clock, registration, hub, sent, state } = await node()
    registration.hubBack(hub)
    await clock.advance(5_000)
    state.addresses = [OFFICE]
    for (let i = 0; i < 9; i++) {
      registration.changed()
      await clock.advance(100)
    }
    state.addresses = [OFFICE, HOME]
    await clock.advance(100)
    assert.deepEqual(sent[1]?.addresses, [OFFICE, HOME].map(String))
    assert.equal(sent[1]?.atMs, 6_000)
    state.addresses = [HOME, OFFICE]
    registration.changed()
    // a reservation that is renewed
    registration.hubBack(hub)
    await clock.advance(60_000)
    assert.equal(sent.length, 2)
    assert.ok(sent[1].seq > sent[0]!.seq)
  })

  it('is bounded where addresses come and go', async () => {
    const { clock, registration, hub, sent, state } = await node()
    registration.hubBack(hub)
    for (let i = 0; i < 600; i++) {
      state.addresses = [i % 2 === 0 ? OFFICE : HOME]
      registration.changed()
      await clock.advance(1_000)
    }
    const { burst, refillMs } = REGISTRATION.records
    assert.ok(sent.length >= 600_000 / refillMs / 2, String(sent.length))
    assert.ok(sent.length <= burst + 600_000 / refillMs, String(sent.length))
  })

  it('is renewed at half of the time that a hub keeps it, at all of them', async () => {
    const { clock, registration, hubs, sent, state } = await node(2)
    state.answer = ({ hub }) => ({ outcome: 'answered', status: 'OK', lifetimeSeconds: hub === 0 ? 3_600 : 600 })
    for (const each of hubs) registration.hubBack(each)
    await clock.advance(301_000)
    assert.equal(sent.length, 4)
    assert.ok(sent[2]!.atMs >= 270_000 && sent[2]!.atMs <= 300_000, String(sent[2]!.atMs))
    assert.equal(sent[2]!.seq, sent[3]!.seq)
    assert.ok(sent[2]!.seq > sent[0]!.seq)
    await clock.advance(3_300_000)
    assert.ok(sent.length <= 2 * 15, String(sent.length))
  })

  it('goes out at once when it was made while an older one was under way, which then came to nothing', async () => {
    const { clock, registration, hub, sent, state } = await node()
    const { promise, resolve } = Promise.withResolvers<HubAnswer>()
    state.answer = () => (sent.length === 1 ? promise : ok)
    registration.hubBack(hub)
    await clock.advance(0)
    state.addresses = [OFFICE]
    registration.changed()
    await clock.advance(REGISTRATION.changedMs)
    assert.equal(sent.length, 1)
    resolve({ outcome: 'answered', status: 'FORBIDDEN' })
    await clock.advance(0)
    assert.deepEqual(sent.at(-1)?.addresses, [OFFICE.toString()])
    await clock.advance(60_000)
    assert.equal(sent.length, 2)
  })

  it('has a higher number each time, even when the clock is set back', async () => {
    const { clock, registration, hub, sent, state } = await node()
    registration.hubBack(hub)
    await clock.advance(1_000)
    state.wallOffMs = -3_600_000
    state.addresses = [OFFICE]
    registration.changed()
    await clock.advance(1_000)
    assert.equal(sent[1]?.seq, sent[0]!.seq + 1)
    assert.equal(sent[1]?.issuedAtSeconds, Math.floor((START_MS + 2_000 - 3_600_000) / 1_000))
  })
})

describe('what a hub answers to a registration', () => {
  const answered = (status: 'LIMIT' | 'UNAVAILABLE' | 'FORBIDDEN' | 'BAD_CLOCK' | 'BAD_RECORD'): HubAnswer => ({
    outcome: 'answered',
    status,
    detail: 'for a reason'
  })
  const rows: readonly [HubAnswer, 'soon' | 'rarely', RegExp][] = [
    [answered('LIMIT'), 'soon', /too much: for a reason/],
    [answered('UNAVAILABLE'), 'soon', /store.*: for a reason/],
    [{ outcome: 'silent', detail: 'nothing' }, 'soon', /does not answer/],
    [{ outcome: 'refused', detail: 'ended' }, 'soon', /hung up/],
    [answered('FORBIDDEN'), 'rarely', /does not let us: for a reason/],
    [answered('BAD_CLOCK'), 'rarely', /clock here.*: for a reason/],
    [answered('BAD_RECORD'), 'rarely', /BAD_RECORD.*: for a reason/],
    [{ outcome: 'unsupported', detail: 'na' }, 'rarely', /keeps no records/],
    [{ outcome: 'garbage', detail: '?' }, 'rarely', /cannot be read/]
  ]
  for (const [answer, pace, detail] of rows) {
    const what = answer.outcome === 'answered' ? answer.status : answer.outcome
    it(`${what}: it is told once, and it is tried again ${pace}`, async () => {
      const { clock, registration, hub, sent, told, state } = await node()
      state.answer = () => answer
      registration.hubBack(hub)
      const { firstMs, maxMs } = HUB_REGISTRATION[pace]
      await clock.advance(firstMs - 1)
      assert.ok(sent.length <= 2)
      await clock.advance(maxMs * 20)
      assert.ok(sent.length >= 20 && sent.length <= 60, String(sent.length))
      // the time that the clock shows now is in a new record only
      assert.equal(new Set(sent.map(({ seq }) => seq)).size, what === 'BAD_CLOCK' ? sent.length : 1)
      assert.equal(told.length, 1)
      assert.equal(told[0]!.ok, false)
      assert.match(told[0]!.detail!, detail)
      state.answer = () => ok
      await clock.advance(maxMs)
      assert.deepEqual(told[1], { hub: 0, ok: true })
      await registration.stop()
      assert.equal(clock.pending, 0)
    })
  }

  it('STALE, with a record of a run whose clock was ahead: the next one is numbered behind it', async () => {
    const { clock, key, registration, hub, sent, told, state } = await node()
    const newer = START_MS + 86_400_000
    const envelope = await sealPeerRecord(key, { seq: newer, addresses: [OFFICE] })
    state.answer = ({ seq }) => (seq > newer ? ok : { outcome: 'answered', status: 'STALE', envelope })
    registration.hubBack(hub)
    await clock.advance(1_000)
    assert.deepEqual(
      sent.map(({ seq }) => seq),
      [START_MS, newer + 1]
    )
    assert.deepEqual(told, [{ hub: 0, ok: true }])
  })

  it('STALE, with what is none of ours, is no reason to number anything', async () => {
    const { clock, registration, hub, sent, told, state } = await node()
    const foreign = await sealPeerRecord(await generateKeyPair('Ed25519'), { seq: START_MS + 86_400_000 })
    for (const envelope of [foreign, Uint8Array.of(1), undefined]) {
      state.answer = () => ({ outcome: 'answered', status: 'STALE', ...(envelope == null ? {} : { envelope }) })
      registration.hubBack(hub)
      await clock.advance(10_000)
      registration.hubGone(hub)
    }
    assert.equal(new Set(sent.map(({ seq }) => seq)).size, 1)
    assert.deepEqual(
      told.map(({ ok }) => ok),
      [false, false, false]
    )
  })

  it('STALE again and again, as with two programs of the same key: it gives up for a while', async () => {
    const { clock, key, registration, hub, sent, told, state } = await node()
    state.answer = async ({ seq }) => ({
      outcome: 'answered',
      status: 'STALE',
      envelope: await sealPeerRecord(key, { seq: seq + 1 })
    })
    registration.hubBack(hub)
    await clock.advance(HUB_REGISTRATION.rarely.firstMs / 2 - 1)
    assert.equal(sent.length, HUB_REGISTRATION.maxStale + 1)
    assert.match(told[0]!.detail!, /same key/)
  })
})

describe('a node that stops', () => {
  it('says goodbye to the hubs that know it, and no more after that', async () => {
    const { clock, registration, hubs, sent } = await node(3)
    registration.hubBack(hubs[0]!)
    registration.hubBack(hubs[1]!)
    await clock.advance(1_000)
    registration.hubGone(hubs[1]!)
    sent.splice(0)
    await registration.stop()
    assert.deepEqual(
      sent.map(({ hub, left, addresses }) => ({ hub, left, addresses })),
      [{ hub: 0, left: true, addresses: [] }]
    )
    assert.equal(sent[0]!.seq, START_MS + 1_000)
    registration.hubBack(hubs[1]!)
    registration.changed()
    await clock.advance(3_600_000)
    assert.equal(sent.length, 1)
    assert.equal(clock.pending, 0)
  })

  it('waits for a hub that does not answer no longer than a moment', async () => {
    const { clock, registration, hub, sent, state } = await node()
    registration.hubBack(hub)
    await clock.advance(1_000)
    state.answer = () => new Promise(() => {})
    let stopped = false
    const stopping = registration.stop().then(() => {
      stopped = true
    })
    await clock.advance(REGISTRATION.goodbyeMs - 1)
    assert.equal(sent.at(-1)?.left, true)
    assert.equal(stopped, false)
    await clock.advance(1)
    await stopping
    assert.equal(clock.pending, 0)
  })

  it('has nothing to say to hubs that it has told nothing', async () => {
    const { registration, sent } = await node()
    await registration.stop()
    assert.deepEqual(sent, [])
  })
})
