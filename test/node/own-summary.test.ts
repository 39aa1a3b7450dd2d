import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import type { NetworkReport } from '../../src/nat/report.ts'
import { summaryOf } from '../../src/nat/summary.ts'
import { OWN_SUMMARY, OwnSummary, type OwnSummaryInit } from '../../src/node/own-summary.ts'
import { EASY, HARD, report, SILENT } from '../traversal/reports.ts'

const HOME = report({ udp4: EASY, tcp4: EASY })
const OFFICE = report({ udp4: HARD, tcp4: HARD })
const NOTHING = report({ udp4: SILENT, tcp4: SILENT })
const ONE_ADDRESS = report({ udp4: { ...EASY, mapping: null }, tcp4: EASY })

/** A node whose network is as the test says, and what it has told its peers. */
function node(init: Partial<OwnSummaryInit> = {}) {
  const clock = new VirtualClock()
  const examined: { atMs: number; fresh: boolean; signal: AbortSignal }[] = []
  const state = {
    network: HOME as NetworkReport,
    busy: false,
    told: { reachability: 'unknown', mapped: false } as ReturnType<OwnSummaryInit['told']>
  }
  const own = new OwnSummary({
    clock,
    examine: async (fresh, signal) => {
      examined.push({ atMs: clock.now(), fresh, signal })
      return state.network
    },
    isBusy: () => state.busy,
    told: () => state.told,
    ...init
  })
  const changes: (string | undefined)[] = []
  own.onChange(() => changes.push(own.current()?.udp4.mapping ?? undefined))
  return { clock, own, state, examined, changes, times: () => examined.map(({ atMs }) => atMs) }
}

describe('what a node tells of its network', () => {
  it('is known a second after it has started, and looked at again each hour, told once', async () => {
    const { own, clock, times, changes } = node()
    own.begin()
    await clock.advance(999)
    assert.deepEqual(times(), [])
    await clock.advance(2 * OWN_SUMMARY.againMs + 1)
    assert.deepEqual(times(), [1_000, 1_000 + OWN_SUMMARY.againMs, 1_000 + 2 * OWN_SUMMARY.againMs])
    assert.deepEqual(changes, ['endpoint-independent'])
    assert.deepEqual(own.current(), { ...summaryOf(HOME), mapped: false })
  })

  it('lets a connect go first, but not for ever', async () => {
    const { own, clock, state, times } = node()
    own.begin()
    state.busy = true
    await clock.advance(1_600)
    state.busy = false
    await clock.advance(400)
    assert.deepEqual(times(), [1_750])
    state.busy = true
    own.networkChanged(true)
    await clock.advance(60_000)
    assert.deepEqual(times().slice(1), [2_000 + OWN_SUMMARY.changedMs + OWN_SUMMARY.busyAtMostMs])
  })

  it('is nothing from the moment on in which the network is another one, until that is known', async () => {
    const { own, clock, state, changes, examined } = node()
    own.begin()
    await clock.advance(2_000)
    state.network = OFFICE
    own.networkChanged(false)
    assert.equal(own.current(), undefined)
    await clock.advance(500)
    own.networkChanged(false)
    await clock.advance(5_000)
    assert.deepEqual(
      examined.map(({ atMs, fresh }) => [atMs, fresh]),
      [
        [1_000, true],
        [3_500, false]
      ]
    )
    assert.deepEqual(changes, ['endpoint-independent', undefined, 'address-and-port-dependent'])
  })

  it('is not what an examination finds that has begun in the network before', async () => {
    const work = Promise.withResolvers<NetworkReport>()
    const { own, clock } = node({ examine: () => work.promise })
    own.begin()
    await clock.advance(1_000)
    own.networkChanged(true)
    work.resolve(HOME)
    await clock.advance(10)
    assert.equal(own.current(), undefined)
  })

  it('is looked for again after an examination in vain, ever more rarely', async () => {
    const { own, clock, state, times } = node()
    state.network = NOTHING
    own.begin()
    await clock.advance(800_000)
    assert.deepEqual(times(), [1_000, 11_000, 71_000, 671_000])
    assert.equal(own.current(), undefined)
    state.network = HOME
    await clock.advance(3_600_000)
    assert.equal(own.current()?.udp4.mapping, 'endpoint-independent')
  })

  it('is looked for again when an examination throws', async () => {
    let calls = 0
    const { own, clock } = node({
      examine: async () => {
        if (++calls === 1) throw new Error('no such luck')
        return HOME
      }
    })
    own.begin()
    await clock.advance(12_000)
    assert.equal(own.current()?.udp4.mapping, 'endpoint-independent')
  })

  it('is asked for again when there is another hub, where one could not tell all', async () => {
    const { own, clock, state, times } = node()
    state.network = ONE_ADDRESS
    own.begin()
    await clock.advance(60_000)
    state.network = HOME
    own.hubBack()
    await clock.advance(60_000)
    own.hubBack()
    await clock.advance(60_000)
    assert.deepEqual(times(), [1_000, 61_000])
  })

  it('costs no more than a few examinations, however often the network comes and goes', async () => {
    const { own, clock, times } = node()
    own.begin()
    for (let second = 0; second < 3_600; second += 2) {
      await clock.advance(2_000)
      own.networkChanged(true)
    }
    const most = OWN_SUMMARY.examinations.burst + 3_600_000 / OWN_SUMMARY.examinations.refillMs
    assert.ok(times().length <= most, `${times().length} examinations`)
    await clock.advance(OWN_SUMMARY.examinations.refillMs + 1_000)
    assert.notEqual(own.current(), undefined)
  })

  it('follows what hubs and the router say meanwhile', async () => {
    const { own, clock, state, times, changes } = node()
    own.begin()
    own.look()
    assert.equal(own.current(), undefined)
    await clock.advance(2_000)
    state.told = { reachability: 'public', mapped: true }
    own.look()
    assert.deepEqual([own.current()?.reachability, own.current()?.mapped], ['public', true])
    own.look()
    assert.deepEqual([times().length, changes.length], [1, 2])
  })

  it('takes over what somebody has asked for, and does not ask beside it', async () => {
    const { own, clock, times } = node()
    const work = Promise.withResolvers<NetworkReport>()
    own.begin()
    const asked = own.taking(work.promise)
    await clock.advance(30_000)
    work.resolve(OFFICE)
    assert.equal(await asked, OFFICE)
    await clock.advance(60_000)
    assert.deepEqual(times(), [])
    assert.equal(own.current()?.udp4.mapping, 'address-and-port-dependent')
  })

  it('is not looked for by a node that does not begin, which tells what others have asked for', async () => {
    const { own, clock, times } = node()
    own.networkChanged(true)
    own.hubBack()
    await own.taking(Promise.resolve(OFFICE))
    await clock.advance(2 * OWN_SUMMARY.againMs)
    assert.deepEqual(times(), [])
    assert.equal(own.current()?.udp4.mapping, 'address-and-port-dependent')
  })

  it('leaves nothing behind when the node stops', async () => {
    const { own, clock, examined } = node({})
    own.begin()
    await clock.advance(1_000)
    own.stop()
    own.networkChanged(true)
    await clock.advance(10)
    assert.equal(clock.pending, 0)
    assert.equal(examined.length, 1)
  })

  it('gives up an examination that is under way when the node stops', async () => {
    let signal: AbortSignal | undefined
    const { own, clock } = node({
      examine: (_, given) => {
        signal = given
        return new Promise(() => {})
      }
    })
    own.begin()
    await clock.advance(1_000)
    own.stop()
    assert.equal(signal?.aborted, true)
    assert.equal(clock.pending, 0)
  })
})
