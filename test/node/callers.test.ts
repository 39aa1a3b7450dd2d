import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
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
  const envelope = (init: Partial<RecordInit> = {}) =>
    sealPeerRecord(key, { seq: 1, issuedAtSeconds: START_MS / 1_000, ...init })
  return { clock, callers, hub, otherHub, caller, state, told, dialled, problems, envelope }
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

  it('is one of a few, and of one each ten seconds, by each hub', async () => {
    const { callers, clock, hub, otherHub, dialled, envelope } = await node()
    const call = { envelope: await envelope() }
    for (let i = 0; i < 100; i++) await callers.called({ hub, ...call })
    assert.equal(dialled.length, CALLERS.calls.burst)
    await callers.called({ hub: otherHub, ...call })
    assert.equal(dialled.length, CALLERS.calls.burst + 1)
    for (let i = 0; i < 6; i++) {
      await clock.advance(CALLERS.calls.refillMs)
      for (let n = 0; n < 10; n++) await callers.called({ hub, ...call })
    }
    assert.equal(dialled.length, CALLERS.calls.burst + 1 + 6)
  })
})
