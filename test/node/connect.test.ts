import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../../src/core/clock.ts'
import { NatError } from '../../src/core/errors.ts'
import { type Connecting, connect } from '../../src/node/connect.ts'
import { Dials } from '../../src/node/dials.ts'
import { LookedUp } from '../../src/node/looked-up.ts'
import { OtherRelays } from '../../src/node/other-relays.ts'
import type { Attempt, Reason } from '../../src/traversal/attempt.ts'
import { explanationIn, explanationOf } from '../../src/traversal/explain.ts'

const HUB = multiaddr('/ip4/11.1.0.10/udp/4001/quic-v1/p2p/12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD')
const BOB = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'

const RELAY = { kind: 'relay', transport: 'quic', remote: '11.1.0.10:4001', technique: 'relay' } as const

/** A node whose dials end when the test says so. */
function node() {
  const dials: { readonly signal: AbortSignal; end(): void; fail(error: Error): void }[] = []
  let connected = false
  const link = {
    peer: BOB,
    path: { kind: 'relay' },
    attempts: [{ technique: 'punch-quic', outcome: 'failed', reason: 'no-answer', ms: 5 }] as Attempt[],
    refresh: () => {},
    looked: () => {},
    settled: (signal: AbortSignal) =>
      new Promise<void>((_, reject) => {
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    explain: () => explanationOf({ peer: BOB, path: RELAY, mine: null, theirs: null, plan: [], attempts: [] })
  }
  const search = {
    transportManager: {
      dial: (_: unknown, { signal }: { signal: AbortSignal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<object>()
        signal.addEventListener('abort', () => reject(signal.reason))
        const end = () => {
          connected = true
          resolve({})
        }
        dials.push({ signal, end, fail: reject })
        return promise
      }
    },
    hubs: [HUB],
    rendezvous: { hubs: [], query: () => assert.fail('there is no hub to ask'), call: () => assert.fail('no hub') },
    lookedUp: new LookedUp(),
    otherRelays: new OtherRelays(),
    clock: realClock,
    wallMs: Date.now,
    ownRecord: () => assert.fail('nobody is called')
  }
  const parts = {
    search,
    dials: new Dials(),
    isConnected: () => connected,
    linkTo: () => link,
    goDirect: () => {},
    explain: (peer: string) => explanationOf({ peer, path: null, mine: null, theirs: null, plan: [], attempts: [] })
  } as unknown as Connecting
  return { parts, dials, link }
}

/** A dial begins a few promise jobs after the connect. */
const begun = () => new Promise(resolve => setImmediate(resolve))

describe('a second connect to the same peer', () => {
  it('joins the first: one dial, one link', async () => {
    const { parts, dials, link } = node()
    const both = Promise.all([connect(parts, BOB, {}), connect(parts, BOB, {})])
    await begun()
    assert.equal(dials.length, 1)
    dials[0]!.end()
    assert.deepEqual(await both, [link, link])
    assert.equal(await connect(parts, BOB, {}), link)
    assert.equal(dials.length, 1)
  })

  it('goes on when the first gives up', async () => {
    const { parts, dials, link } = node()
    const first = new AbortController()
    const failed = assert.rejects(connect(parts, BOB, { signal: first.signal }), { code: 'TIMEOUT' })
    const second = connect(parts, BOB, {})
    await begun()
    first.abort(new Error('enough'))
    await failed
    assert.equal(dials[0]!.signal.aborted, false)
    dials[0]!.end()
    assert.equal(await second, link)
  })

  it('ends the dial when nobody is left, and fails with it when it fails', async () => {
    const { parts, dials } = node()
    const controller = new AbortController()
    const { signal } = controller
    const gone = [connect(parts, BOB, { signal }), connect(parts, BOB, { signal })]
    await begun()
    controller.abort(new Error('enough'))
    for (const each of gone) await assert.rejects(each, { code: 'TIMEOUT' })
    assert.equal(dials[0]!.signal.aborted, true)
    const failing = [connect(parts, BOB, {}), connect(parts, BOB, {})]
    await begun()
    assert.equal(dials.length, 2)
    dials[1]!.fail(new Error('NO_RESERVATION'))
    for (const each of failing) await assert.rejects(each, { code: 'PEER_OFFLINE' })
  })
})

describe('a connect that comes to nothing', () => {
  it('says so with an explanation', async () => {
    const { parts, dials } = node()
    const failing = connect(parts, BOB, {})
    await begun()
    dials[0]!.fail(new Error('NO_RESERVATION'))
    const error = await failing.catch(each => each)
    assert.equal(error.code, 'PEER_OFFLINE')
    assert.deepEqual([explanationIn(error)?.peer, explanationIn(error)?.path], [BOB, null])
    assert.match(explanationIn(error)?.conclusion.text ?? '', /beeline up/)
  })

  it('in time says which relays of the record nothing came from', async () => {
    const { parts } = node()
    const controller = new AbortController()
    const waiting = connect(parts, BOB, { signal: controller.signal })
    await begun()
    const relay = '/ip4/9.9.9.9/udp/9/quic-v1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN'
    parts.search.lookedUp.waitFor(BOB, [relay])
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    const error = await waiting.catch(each => each)
    assert.equal(error.code, 'TIMEOUT')
    const why = `its record was found, but nothing came from the relay that it names, ${relay}: is that hub running?`
    assert.equal(error.message, `${BOB} was not reached within the time: ${why}`)
  })

  it('because a hub refuses says so with its details, and with an explanation', async () => {
    const { parts, dials } = node()
    const failing = connect(parts, BOB, {})
    await begun()
    dials[0]!.fail(new NatError('HUB_REFUSED', 'not for you', { details: { hub: 'H', status: 'PERMISSION_DENIED' } }))
    const error = await failing.catch(each => each)
    assert.deepEqual([error.code, error.details.hub, error.details.status], ['HUB_REFUSED', 'H', 'PERMISSION_DENIED'])
    assert.equal(explanationIn(error)?.peer, BOB)
  })

  it('of a caller that gives up while it is relayed ends with STILL_RELAYED only when the time is up', async () => {
    const { parts, dials } = node()
    const controller = new AbortController()
    const waiting = connect(parts, BOB, { until: 'direct', signal: controller.signal })
    await begun()
    dials[0]!.end()
    await begun()
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, { code: 'TIMEOUT' })
  })

  it('direct, though relayed, is STILL_RELAYED with what was tried', async t => {
    t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort(new Error('time is up')))
    const { parts } = node()
    const error = await connect({ ...parts, isConnected: () => true }, BOB, { until: 'direct' }).catch(each => each)
    assert.equal(error.code, 'STILL_RELAYED')
    assert.match(error.message, /punch-quic: no-answer/)
    assert.equal(explanationIn(error)?.path?.kind, 'relay')
  })

  it('says of each technique what came of it last, and whether it was the time that was up', async () => {
    const { parts, link } = node()
    const skipped = (reason: Reason) => ({ technique: 'predict', outcome: 'skipped', reason, ms: 0 }) as const
    link.attempts = [skipped('not-known'), skipped('both-random')]
    const relayed = { ...parts, isConnected: () => true }
    const signal = AbortSignal.timeout(1)
    const late = await connect(relayed, BOB, { until: 'direct', signal }).catch(each => each)
    assert.deepEqual([late.code, late.cause], ['STILL_RELAYED', signal.reason])
    assert.match(late.message, /over a relay only \(predict: both-random\)$/)
    link.settled = async () => {}
    const last = await connect(relayed, BOB, { until: 'direct' }).catch(each => each)
    assert.deepEqual([last.code, last.cause], ['STILL_RELAYED', undefined])
  })
})
