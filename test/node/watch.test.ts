import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../src/core/clock.ts'
import { type RecordInit, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import type { HubNews } from '../../src/libp2p/rendezvous/api.ts'
import { PEER_WATCH } from '../../src/node/peer-watch.ts'
import { MAX_WATCHES, Watches } from '../../src/node/watch.ts'
import { peerId } from '../libp2p/rendezvous/fake-hub.ts'

const START_MS = Date.UTC(2026, 0, 1)
const HOME = multiaddr('/ip4/192.0.2.7/udp/4001/quic-v1')
const OFFICE = multiaddr('/ip4/198.51.100.7/udp/4001/quic-v1')

/** A node that watches a peer over two hubs, which say what the test has them say. */
async function watching() {
  const clock = new VirtualClock()
  const key = await generateKeyPair('Ed25519')
  const peer = peerIdFromPrivateKey(key)
  const hubs = [await peerId(), await peerId()] as const
  const listeners = new Set<(news: HubNews) => void>()
  let asked = 0
  const watches = new Watches({
    clock,
    wallMs: () => START_MS + clock.now(),
    watch: (_, listener) => {
      asked++
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  })
  const heard: (string | number)[] = []
  const watch = watches.watch(peer)
  watch.events.on('change', ({ seq, addrs }) => heard.push(seq, ...addrs.map(each => each.split('/')[2]!)))
  watch.events.on('gone', () => heard.push('gone'))
  const say = async (at: 0 | 1, envelope?: Uint8Array) => {
    for (const each of listeners) each({ hub: hubs[at], envelope })
    await clock.advance(1)
  }
  const record = (seq: number, init: Partial<RecordInit> = {}) =>
    sealPeerRecord(key, { seq, addresses: [HOME], issuedAtSeconds: START_MS / 1_000, ...init })
  return {
    clock,
    peer,
    watches,
    watch,
    say,
    record,
    listeners,
    asked: () => asked,
    /** What the watch has told since it was asked for the last time. */
    told: () => heard.splice(0)
  }
}

describe('a peer that is watched', () => {
  it('comes, changes and goes, each told once, whichever hub says it first', async () => {
    const { say, record, told } = await watching()
    await say(0)
    await say(1)
    assert.deepEqual(told(), [])
    const first = await record(1)
    await say(0, first)
    await say(1, first)
    assert.deepEqual(told(), [1, '192.0.2.7'])
    const second = await record(2, { addresses: [OFFICE] })
    await say(1, second)
    await say(0, second)
    assert.deepEqual(told(), [2, '198.51.100.7'])
    await say(0)
    assert.deepEqual(told(), [])
    await say(1)
    assert.deepEqual(told(), ['gone'])
    await say(1, second)
    assert.deepEqual(told(), [2, '198.51.100.7'])
  })

  it('has not changed when its record is only renewed', async () => {
    const { say, record, told } = await watching()
    await say(0, await record(1))
    await say(0, await record(2))
    assert.deepEqual(told(), [1, '192.0.2.7'])
    // a hub that still has the one before says nothing new
    await say(1, await record(1, { addresses: [OFFICE] }))
    assert.deepEqual(told(), [])
  })

  it('is gone when it says so, whatever other hubs still have', async () => {
    const { say, record, told } = await watching()
    const first = await record(1)
    await say(0, first)
    await say(1, first)
    told()
    await say(0, await record(2, { left: true, addresses: [] }))
    assert.deepEqual(told(), ['gone'])
    await say(1, first)
    await say(1)
    assert.deepEqual(told(), [])
    await say(1, await record(3))
    assert.deepEqual(told(), [3, '192.0.2.7'])
  })

  it('is not believed gone, or elsewhere, because a hub lies', async () => {
    const { say, record, told } = await watching()
    await say(0, await record(5))
    told()
    const forged = await record(6)
    forged[forged.length - 1]! ^= 1
    const foreign = await sealPeerRecord(await generateKeyPair('Ed25519'), { seq: 9, addresses: [OFFICE] })
    const expired = await record(8, { issuedAtSeconds: START_MS / 1_000 - 2 * 86_400 })
    const old = await record(4, { left: true, addresses: [] })
    for (const lie of [forged, foreign, expired, old, Uint8Array.of(1), undefined]) await say(1, lie)
    assert.deepEqual(told(), [])
  })

  it('is looked at once where a hub says a hundred things at once', async () => {
    const { clock, say, record, told } = await watching()
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => record(i + 1, { addresses: [multiaddr(`/ip4/192.0.2.${i}/tcp/1`)] }))
    )
    await Promise.all(all.map(each => say(0, each)))
    await clock.advance(1)
    assert.deepEqual(told(), [1, '192.0.2.0', 100, '192.0.2.99'])
  })

  it('whose record expires is asked for again, and is gone when no hub has one', async () => {
    const { clock, say, record, told, asked } = await watching()
    const short = await record(1, { lifetimeSeconds: 60 })
    await say(0, short)
    told()
    await clock.advance(60_000 + PEER_WATCH.graceMs - 2)
    assert.equal(asked(), 1)
    await clock.advance(2)
    assert.equal(asked(), 2)
    await say(0, short)
    await clock.advance(PEER_WATCH.againMs)
    assert.equal(asked(), 3)
    await say(0)
    assert.deepEqual(told(), ['gone'])
    await clock.advance(PEER_WATCH.againMs * 10)
    assert.equal(asked(), 3)
  })
})

describe('watches', () => {
  it('of the same peer share what is asked, and each is stopped by itself', async () => {
    const { clock, peer, watches, watch, say, record, told, listeners, asked } = await watching()
    await say(0, await record(1))
    const other: number[] = []
    const second = watches.watch(peer)
    second.events.on('change', ({ seq }) => other.push(seq))
    await clock.advance(1)
    assert.deepEqual(other, [1])
    assert.deepEqual(told(), [1, '192.0.2.7'])
    assert.equal(asked(), 1)
    watch.stop()
    watch.stop()
    await say(0, await record(2, { addresses: [OFFICE] }))
    assert.deepEqual(other, [1, 2])
    assert.deepEqual(told(), [])
    second.stop()
    assert.equal(listeners.size, 0)
    assert.equal(clock.pending, 0)
  })

  it('are bounded, and all end with the node', async () => {
    const { clock, watches, listeners, say, record } = await watching()
    await say(0, await record(1))
    const peers: PeerId[] = await Promise.all(Array.from({ length: MAX_WATCHES }, peerId))
    const all = peers.slice(1).map(each => watches.watch(each))
    assert.throws(() => watches.watch(peers[0]!), { code: 'LIMIT' })
    all[0]!.stop()
    watches.watch(peers[0]!)
    watches.stop()
    assert.equal(listeners.size, 0)
    assert.equal(clock.pending, 0)
  })
})
