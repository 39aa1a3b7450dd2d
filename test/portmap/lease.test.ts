import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/core/random.ts'
import { LEASE, Lease, type LeaseStep } from '../../src/portmap/lease.ts'
import type { Grant, Outcome } from '../../src/portmap/mapping.ts'
import type { MappingReason } from '../../src/portmap/reason.ts'

const WANTED = { protocol: 'udp', internalPort: 4001 } as const
const HOUR_MS = 3_600_000

function granted(grant: Partial<Grant> & { port?: number } = {}): { type: 'outcome'; outcome: Outcome } {
  const { port = 4001, ...others } = grant
  const internal = { address: '192.168.0.2', port: 4001 }
  const external = { address: '203.0.113.7', port }
  return {
    type: 'outcome',
    outcome: { granted: { by: 'pcp', internal, external, lifetimeSeconds: 3600, ...others } }
  }
}

function refused(reason: MappingReason, retryAfterSeconds?: number): { type: 'outcome'; outcome: Outcome } {
  const after = retryAfterSeconds == null ? {} : { retryAfterSeconds }
  return { type: 'outcome', outcome: { refused: { reason, detail: 'said so', ...after } } }
}

/** A lease, and each step's essentials. */
function start() {
  const lease = new Lease(WANTED, seededRandom(1))
  assert.deepEqual(lease.step(0, { type: 'start' }).act, { type: 'map', externalPort: 4001 })
  return lease
}

const told = (step: LeaseStep) => (step.events ?? []).map(({ type }) => type)

test('a grant is told once, and renewed from half of its life on', () => {
  const lease = start()
  const first = lease.step(100, granted())
  assert.deepEqual(told(first), ['mapped'])
  assert.ok(first.wakeAtMs! >= 100 + HOUR_MS / 2 && first.wakeAtMs! <= 100 + (HOUR_MS * 5) / 8, `${first.wakeAtMs}`)
  assert.deepEqual(lease.step(first.wakeAtMs!, { type: 'tick' }).act, { type: 'map', externalPort: 4001 })
  const second = lease.step(first.wakeAtMs! + 5, granted())
  assert.deepEqual(told(second), [])
  assert.ok(second.wakeAtMs! >= first.wakeAtMs! + HOUR_MS / 2)
})

test('another port or address than before is news', () => {
  const lease = start()
  lease.step(0, granted({ port: 5000 }))
  // the port that was given is the one to ask for from now on
  assert.deepEqual(lease.step(HOUR_MS / 2, { type: 'tick' }).act, { type: 'map', externalPort: 5000 })
  assert.deepEqual(told(lease.step(HOUR_MS / 2, granted({ port: 5000 }))), [])
  lease.step(HOUR_MS, { type: 'tick' })
  assert.deepEqual(told(lease.step(HOUR_MS, granted({ port: 5001 }))), ['mapped'])
})

for (const [lifetimeSeconds, renewedAfterSeconds] of [
  [0, LEASE.minSeconds / 2],
  [1, LEASE.minSeconds / 2],
  [60, 30],
  [0xffff_ffff, LEASE.maxSeconds / 2],
  [null, LEASE.permanentSeconds / 2]
] as const) {
  test(`a lifetime of ${lifetimeSeconds} s is renewed after ${renewedAfterSeconds} s`, () => {
    const { wakeAtMs } = start().step(0, granted({ lifetimeSeconds }))
    assert.ok(wakeAtMs! >= renewedAfterSeconds * 1000 && wakeAtMs! <= renewedAfterSeconds * 1250, `${wakeAtMs}`)
  })
}

test('a router that falls silent is asked more and more seldom, until the mapping has run out', () => {
  const lease = start()
  let step = lease.step(0, granted())
  const askedAtMs: number[] = []
  for (;;) {
    const nowMs = step.wakeAtMs!
    step = lease.step(nowMs, { type: 'tick' })
    assert.equal(step.act?.type, 'map')
    askedAtMs.push(nowMs)
    if (told(step).includes('lost')) break
    assert.deepEqual(told(step), [])
    step = lease.step(nowMs, refused('no-answer'))
  }
  assert.equal(askedAtMs.at(-1), HOUR_MS)
  const pauses = askedAtMs.slice(1).map((atMs, i) => atMs - askedAtMs[i]!)
  assert.ok(Math.min(...pauses.slice(0, -1)) >= LEASE.minPauseMs, `${pauses}`)
  assert.ok(askedAtMs.length >= 5 && askedAtMs.length <= 20, `${askedAtMs}`)
  assert.equal(lease.held, undefined)
})

test('a port that is taken: others, by chance; after six it is given up, and told once', () => {
  const lease = start()
  const ports = new Set([4001])
  for (let tries = 1; tries < LEASE.maxPorts; tries++) {
    const { act, events } = lease.step(0, refused('conflict'))
    assert.ok(act?.type === 'map' && act.externalPort >= 1024)
    assert.deepEqual(events, [])
    ports.add(act.externalPort)
  }
  assert.equal(ports.size, LEASE.maxPorts)
  const last = lease.step(0, refused('conflict'))
  assert.deepEqual(told(last), ['failed'])
  assert.equal(last.wakeAtMs, LEASE.firstRetryMs)
  // later it begins with the own port again
  assert.deepEqual(lease.step(last.wakeAtMs!, { type: 'tick' }).act, { type: 'map', externalPort: 4001 })
})

test('a conflict at renewal: the mapping is lost, and made on another port', () => {
  const lease = start()
  lease.step(0, granted())
  lease.step(HOUR_MS / 2, { type: 'tick' })
  const step = lease.step(HOUR_MS / 2, refused('conflict'))
  assert.deepEqual(told(step), ['lost'])
  assert.ok(step.act?.type === 'map' && step.act.externalPort !== 4001)
  assert.deepEqual(told(lease.step(HOUR_MS / 2, granted({ port: 5000 }))), ['mapped'])
})

test('a refusal is told once a reason, and asked again after a minute, two, up to half an hour', () => {
  const lease = start()
  const pauses: number[] = []
  let nowMs = 0
  for (let i = 0; i < 8; i++) {
    const step = lease.step(nowMs, refused('disabled'))
    assert.deepEqual(told(step), i === 0 ? ['failed'] : [])
    pauses.push((step.wakeAtMs! - nowMs) / 60_000)
    nowMs = step.wakeAtMs!
    lease.step(nowMs, { type: 'tick' })
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 30, 30, 30])
  assert.deepEqual(told(lease.step(nowMs, refused('no-answer'))), ['failed'])
})

test('a router says when to come again, within bounds', () => {
  assert.equal(start().step(0, refused('no-resources', 600)).wakeAtMs, 600_000)
  assert.equal(start().step(0, refused('no-resources', 1)).wakeAtMs, LEASE.firstRetryMs)
  assert.equal(start().step(0, refused('no-resources', 0xffff_ffff)).wakeAtMs, LEASE.maxRetryMs)
})

test('a router that has restarted is asked at once, for the same port, and only once', () => {
  const lease = start()
  // what is under way is not asked twice
  assert.deepEqual(lease.step(0, { type: 'again' }), {})
  lease.step(0, granted({ port: 5000 }))
  const again = lease.step(1000, { type: 'again' })
  assert.deepEqual(again.act, { type: 'map', externalPort: 5000 })
  assert.deepEqual(told(again), [])
  assert.deepEqual(lease.step(1001, { type: 'again' }), {})
  assert.deepEqual(told(lease.step(1002, granted({ port: 5000 }))), [])
})

test('another router: what was mapped is lost at once', () => {
  const lease = start()
  lease.step(0, granted())
  const step = lease.step(1000, { type: 'moved' })
  assert.deepEqual(told(step), ['lost'])
  assert.equal(step.act?.type, 'map')
})

test('the end: it is deleted, and nothing more happens', () => {
  const lease = start()
  lease.step(0, granted())
  assert.deepEqual(lease.step(1, { type: 'cancel' }), { act: { type: 'unmap' }, done: true })
  for (const input of [{ type: 'tick' }, { type: 'again' }, granted()] as const) {
    assert.deepEqual(lease.step(2, input), { done: true })
  }
})
