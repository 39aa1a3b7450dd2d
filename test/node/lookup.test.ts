import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { sleep, VirtualClock } from '../../src/core/clock.ts'
import { type RecordInit, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import type { HubAnswer } from '../../src/libp2p/rendezvous/api.ts'
import { LookedUp } from '../../src/node/looked-up.ts'
import { LOOKUP_MS, Lookup } from '../../src/node/lookup.ts'
import { LOOKUPS, lookupTexts } from '../../src/traversal/explain/lookups.ts'
import type { RendezvousStatus } from '../../src/wire/rendezvous.ts'

const [bobKey, malloryKey, ...hubKeys] = await Promise.all(Array.from({ length: 5 }, () => generateKeyPair('Ed25519')))
const bob = peerIdFromPrivateKey(bobKey!)
const hubs = hubKeys.map(key => peerIdFromPrivateKey(key))
const names = new Map(hubs.map((hub, index) => [hub.toString(), index]))

const NOW_SECONDS = 1_800_000_000
const DAY = 24 * 3_600
const sealed = (init: Partial<RecordInit> = {}, key = bobKey!) =>
  sealPeerRecord(key, { seq: 1_000, issuedAtSeconds: NOW_SECONDS, ...init })
const bySomebodyElse = await sealed({}, malloryKey!)
const goodbye = await sealed({ left: true })
const longOver = await sealed({ issuedAtSeconds: NOW_SECONDS - DAY - 7_300 })
const dayBehind = await sealed({ issuedAtSeconds: NOW_SECONDS - DAY })
const good = await sealed()
/** The last bytes of an envelope are its signature. */
const forged = good.with(good.length - 1, good.at(-1)! ^ 1)

const ok = (envelope: Uint8Array): HubAnswer => ({ outcome: 'answered', status: 'OK', envelope })
/** That it has none, and that record beside it. */
const nothing = (envelope: Uint8Array): HubAnswer => ({ outcome: 'answered', status: 'NOT_FOUND', envelope })
const said = (status: RendezvousStatus, detail?: string): HubAnswer => ({
  outcome: 'answered',
  status,
  ...(detail == null ? {} : { detail })
})

/** What a hub answers, and after how long; nothing: it never does. */
type Fate = readonly [ms: number, answer: HubAnswer] | undefined

async function look(fates: readonly Fate[], memory = new LookedUp()) {
  const clock = new VirtualClock()
  const seqs: number[] = []
  const lookup = new Lookup(bob, {
    hubs: hubs.slice(0, fates.length),
    memory,
    clock,
    wallMs: () => NOW_SECONDS * 1_000 + clock.now(),
    async query(hub, peer, signal) {
      assert.ok(peer.equals(bob))
      const [ms, answer] = fates[names.get(hub.toString())!] ?? []
      await sleep(clock, ms ?? 60_000, signal)
      return answer!
    }
  })
  const over = lookup.run(new AbortController().signal, ({ seq }) => seqs.push(seq))
  // signatures are checked outside of virtual time
  for (let ms = 0; ms <= LOOKUP_MS && !lookup.isOver; ms += 10) await clock.advance(10)
  await over
  assert.equal(clock.pending, 0)
  const findings = lookup.findings.map(({ hub, outcome, detail }) => ({ hub: names.get(hub), outcome, detail }))
  return { lookup, findings, seqs, memory, clock }
}

describe('what one hub answers', () => {
  for (const [what, answer, outcome, detail] of [
    ['a record', ok(good), 'found', undefined],
    ['that the peer has left', ok(goodbye), 'left', undefined],
    ['nothing', said('NOT_FOUND'), 'none', undefined],
    ['nothing, and why', nothing(goodbye), 'left', undefined],
    ['nothing, and shows it', nothing(good), 'garbage', /gave one/],
    ['nothing, with a goodbye of somebody else', nothing(bySomebodyElse), 'wrong-peer', /has not signed/],
    ["another peer's record", ok(bySomebodyElse), 'wrong-peer', /has not signed/],
    ['a record with a signature that does not fit', ok(forged), 'forged', /signature does not fit/],
    ['a record with no signature', ok(good.subarray(0, -66)), 'forged', /signature does not fit/],
    ['garbage', ok(Uint8Array.of(1, 2, 3)), 'garbage', /not a signed envelope/],
    ['a record that is too large', ok(new Uint8Array(8 * 1_024 + 1)), 'garbage', /8193 bytes/],
    ['a record, and gives none', said('OK'), 'garbage', /gave none/],
    ['a question as if it was a registration', said('STALE'), 'garbage', /STALE/],
    ['that it may not say', said('FORBIDDEN', 'for members'), 'refused', /^for members$/],
    ['that it is too much', said('LIMIT', 'slowly'), 'refused', /^slowly$/],
    ['that its store is away', said('UNAVAILABLE'), 'unavailable', undefined],
    ['in another protocol', { outcome: 'unsupported', detail: 'na' }, 'unsupported', /^na$/],
    ['what is no message', { outcome: 'garbage', detail: 'no message' }, 'garbage', /^no message$/],
    ['by hanging up', { outcome: 'refused', detail: 'it is gone' }, 'refused', /^it is gone$/],
    ['not at all', { outcome: 'silent', detail: 'no connection' }, 'silent', /^no connection$/],
    ['a record that ended more than a day ago', ok(longOver), 'expired', /ended 25 hours ago/],
    ['a record of a clock that is a day behind', ok(dayBehind), 'found', undefined]
  ] as const) {
    it(what, async () => {
      const { lookup, findings, seqs } = await look([[20, answer]])
      assert.equal(findings[0]?.outcome, outcome)
      if (detail == null) assert.equal(findings[0].detail, undefined)
      else assert.match(findings[0].detail ?? '', detail)
      const isBelieved = outcome === 'found' || outcome === 'left'
      assert.deepEqual(seqs, isBelieved ? [1_000] : [])
      assert.equal(lookup.newest?.left, isBelieved ? outcome === 'left' : undefined)
      assert.ok(Object.hasOwn(LOOKUPS, outcome))
    })
  }
})

describe('what several hubs answer', () => {
  it('the highest number counts, whoever is first, and who has an older one is told', async () => {
    const [old, older] = await Promise.all([sealed({ seq: 990_000 }), sealed({ seq: 1 })])
    const newest = await sealed({ seq: 1_000_000 })
    const { findings, seqs, lookup } = await look([
      [10, ok(old)],
      [30, ok(newest)],
      [50, ok(older)]
    ])
    assert.deepEqual(seqs, [990_000, 1_000_000])
    assert.equal(lookup.newest?.seq, 1_000_000)
    assert.deepEqual(findings, [
      { hub: 0, outcome: 'old', detail: 'older by 10 s than one that is known' },
      { hub: 1, outcome: 'found', detail: undefined },
      { hub: 2, outcome: 'old', detail: 'older by 1000 s than one that is known' }
    ])
  })

  it('a goodbye is void when there is a newer record, and the other way round', async () => {
    const back = await look([
      [10, ok(await sealed({ seq: 5, left: true }))],
      [20, ok(await sealed({ seq: 6 }))]
    ])
    assert.equal(back.lookup.newest?.left, false)
    const gone = await look([
      [10, ok(await sealed({ seq: 6 }))],
      [20, ok(await sealed({ seq: 7, left: true }))]
    ])
    assert.equal(gone.lookup.newest?.left, true)
  })

  it('the same record twice is no news', async () => {
    const { seqs, findings } = await look([
      [10, ok(good)],
      [20, ok(good)]
    ])
    assert.deepEqual(seqs, [1_000])
    assert.deepEqual(
      findings.map(({ outcome }) => outcome),
      ['found', 'found']
    )
  })

  it('who says nothing for five seconds is silent, and holds up nobody', async () => {
    const { findings, seqs, clock } = await look([undefined, [10, ok(good)]])
    assert.deepEqual(
      findings.map(({ hub, outcome }) => [hub, outcome]),
      [
        [1, 'found'],
        [0, 'silent']
      ]
    )
    assert.deepEqual(seqs, [1_000])
    assert.equal(clock.now(), LOOKUP_MS)
  })

  it('what was seen in an earlier lookup counts: the one hub that is asked cannot go back', async () => {
    const { memory } = await look([[10, ok(await sealed({ seq: 2_000 }))]])
    const replayed = await look([[10, ok(good)]], memory)
    assert.deepEqual(
      replayed.findings.map(({ outcome }) => outcome),
      ['old']
    )
    assert.equal(replayed.lookup.newest, undefined)
    const again = await look([[10, ok(await sealed({ seq: 2_000 }))]], memory)
    assert.equal(again.lookup.newest?.seq, 2_000)
    assert.deepEqual(
      memory.findings(bob.toString()).map(({ outcome }) => outcome),
      ['found']
    )
  })
})

it('a lookup that is given up is over at once, and says nothing of hubs that had no time', async () => {
  const clock = new VirtualClock()
  const giveUp = new AbortController()
  const memory = new LookedUp()
  const query = (_: unknown, __: unknown, signal?: AbortSignal) => sleep(clock, 60_000, signal).then(() => ok(good))
  const lookup = new Lookup(bob, { hubs, memory, clock, wallMs: () => 0, query })
  const over = lookup.run(giveUp.signal, () => {})
  await clock.advance(100)
  giveUp.abort(new Error('enough'))
  await over
  assert.deepEqual(lookup.findings, [])
  assert.equal(clock.pending, 0)
})

it('so many peers are remembered, and the last ones', () => {
  const memory = new LookedUp()
  for (let number = 0; number < 1_100; number++) memory.note(`peer ${number}`, number, [])
  assert.deepEqual([memory.seq('peer 75'), memory.seq('peer 76'), memory.seq('peer 1099')], [undefined, 76, 1_099])
  memory.note('peer 76', 5, [])
  assert.equal(memory.seq('peer 76'), 76)
  memory.note('nobody has a record of it', undefined, [])
  assert.equal(memory.seq('nobody has a record of it'), undefined)
})

it('a hub that is merely behind is said to be, and to do no more', () => {
  const findings = [{ hub: 'H', outcome: 'old', ms: 1, detail: 'older by 10 s than one that is known' }] as const
  for (const isConnected of [true, false]) {
    assert.deepEqual(lookupTexts(findings, isConnected), [
      'the hub H answered with an older record of the peer (older by 10 s than one that is known)'
    ])
  }
})
