import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { VirtualClock } from '../../src/core/clock.ts'
import { type RecordInit, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import { CALLERS, Callers } from '../../src/node/callers.ts'
import { peerId } from '../libp2p/rendezvous/fake-hub.ts'

const START_MS = Date.UTC(2026, 0, 1)

/** A node, what it is told of callers, and whom it dials. */
async function node() {
  const clock = new VirtualClock()
  const key = await generateKeyPair('Ed25519')
  const caller = peerIdFromPrivateKey(key)
  const [self, hub, otherHub] = [await peerId(), await peerId(), await peerId()]
  const state = { self, connected: false, fails: false }
  const told: string[] = []
  const dialled: string[] = []
  const problems: Error[] = []
  const callers = new Callers({
    get self() {
      return state.self
    },
    clock,
    wallMs: () => START_MS + clock.now(),
    isConnected: () => state.connected,
    dial: async ({ peer }) => {
      dialled.push(peer.toString())
      if (state.fails) throw new Error('nobody there')
    },
    onCalled: peer => told.push(peer.toString()),
    onProblem: error => problems.push(error)
  })
  const envelopeOf = (one: PrivateKey, init: Partial<RecordInit> = {}) =>
    sealPeerRecord(one, { seq: 1, issuedAtSeconds: START_MS / 1_000, ...init })
  const envelope = (init?: Partial<RecordInit>) => envelopeOf(key, init)
  return { envelopeOf, clock, callers, hub, otherHub, caller, state, told, dialled, problems, envelope }
}

describe('a call', () => {
  it('is told, and has us connect to the caller', async () => {
    const { callers, hub, caller, told, dialled, envelope } = await node()
    await callers.called({ hub, envelope: await envelope() })
    assert.deepEqual(told, [caller.toString()])
    assert.deepEqual(dialled, [caller.toString()])
  })

  it('from a peer that is connected has us do nothing', async () => {
    const { callers, hub, state, told, dialled, envelope } = await node()
    state.connected = true
    await callers.called({ hub, envelope: await envelope() })
    assert.equal(told.length, 1)
    assert.deepEqual(dialled, [])
  })

  it('that comes to nothing harms nobody', async () => {
    const { callers, hub, state, problems, envelope } = await node()
    state.fails = true
    await callers.called({ hub, envelope: await envelope() })
    assert.match(problems[0]!.message, /nobody there/)
  })

  it('by what is no record of a peer that is there is passed over', async () => {
    const { callers, clock, hub, caller, state, told, dialled, envelope } = await node()
    const good = await envelope()
    const forged = good.with(good.length - 1, good.at(-1)! ^ 1)
    const lies = [Uint8Array.of(1, 2), forged, await envelope({ left: true })]
    for (const each of lies) await callers.called({ hub, envelope: each })
    // of a caller of old
    await clock.advance(3_600_000 + CALLERS.lateMs + 1)
    await callers.called({ hub, envelope: good })
    // our own, come back
    state.self = caller
    await callers.called({
      hub,
      envelope: await envelope({ issuedAtSeconds: Math.floor((START_MS + clock.now()) / 1_000) })
    })
    assert.deepEqual([told, dialled], [[], []])
  })

  it('is one of a few by each caller, and then of one each half a minute, and takes nothing from other callers', async () => {
    const { callers, clock, hub, otherHub, dialled, envelope, envelopeOf } = await node()
    const call = { envelope: await envelope() }
    const { burst, refillMs } = CALLERS.dialsOfCaller
    for (let i = 0; i < 20; i++) await callers.called({ hub, ...call })
    await callers.called({ hub: otherHub, ...call })
    assert.equal(dialled.length, burst)
    await callers.called({ hub, envelope: await envelopeOf(await generateKeyPair('Ed25519')) })
    assert.equal(dialled.length, burst + 1)
    for (let i = 0; i < 3; i++) {
      await clock.advance(refillMs)
      for (let n = 0; n < 10; n++) await callers.called({ hub, ...call })
    }
    assert.equal(dialled.length, burst + 1 + 3)
  })

  it('is one of some by each hub, whoever calls, and then of one each five seconds', async () => {
    const { callers, clock, hub, otherHub, told, dialled, envelope, envelopeOf } = await node()
    const strangers = await Promise.all(
      Array.from({ length: 40 }, async () => envelopeOf(await generateKeyPair('Ed25519')))
    )
    const { burst, refillMs } = CALLERS.dials
    for (const each of strangers) await callers.called({ hub, envelope: each })
    assert.equal(dialled.length, burst)
    for (let i = 0; i < 3; i++) {
      await clock.advance(refillMs)
      for (const each of strangers.slice(-2)) await callers.called({ hub, envelope: each })
    }
    assert.equal(dialled.length, burst + 3)
    await callers.called({ hub: otherHub, envelope: await envelope() })
    assert.equal(dialled.length, burst + 3 + 1)
    assert.deepEqual(told, dialled, 'nobody is told of a call that is not answered')
  })

  it('is looked at some times by each hub, and then once each second', async () => {
    const { callers, clock, hub, otherHub, problems } = await node()
    const { burst, refillMs } = CALLERS.checks
    const junk = { envelope: Uint8Array.of(1, 2) }
    for (let i = 0; i < 100; i++) await callers.called({ hub, ...junk })
    assert.equal(problems.length, burst)
    await callers.called({ hub: otherHub, ...junk })
    assert.equal(problems.length, burst + 1)
    await clock.advance(refillMs)
    for (let n = 0; n < 10; n++) await callers.called({ hub, ...junk })
    assert.equal(problems.length, burst + 2)
  })
})
