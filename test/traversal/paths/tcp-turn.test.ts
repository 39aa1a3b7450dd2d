import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { PathAgent } from '../../../src/traversal/paths/agent.ts'
import { TCP_PUNCH } from '../../../src/traversal/paths/tcp-punch.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import { keysOf } from './world.ts'

const own: PathCandidate = { kind: 'host', transport: 'tcp', address: '192.168.1.10', port: 4001 }
const observed: PathCandidate = { ...own, kind: 'observed', address: '11.1.0.10' }
const theirs: PathCandidate = { ...observed, address: '11.2.0.10' }

/** A side that decides, to which the plan says at once that TCP has its turn. */
function planned(candidates: readonly PathCandidate[]) {
  const agent = new PathAgent({
    role: 'controlling',
    keys: keysOf('a'),
    tag: 1,
    random: seededRandom(1),
    allowPrivate: false,
    techniques: new Set(['punch-tcp']),
    checking: new Set()
  })
  const asked = (nowMs: number, input: Parameters<PathAgent['step']>[1]) =>
    (agent.step(nowMs, input).messages ?? []).filter(({ type }) => type === 'PUNCH_TCP').length
  agent.step(0, { type: 'sockets', sockets: [{ socket: 1, family: 4 }] })
  agent.step(0, { type: 'candidates', candidates })
  agent.step(0, { type: 'message', message: { type: 'CANDIDATES', seq: 0, candidates: [theirs] } })
  agent.step(0, { type: 'start' })
  agent.step(0, { type: 'stream' })
  return { asked }
}

const check = { type: 'check', technique: 'punch-tcp', on: true } as const

test('TCP has its turn when the plan says so, where others know our port', () => {
  assert.equal(planned([own, observed]).asked(10, check), 1)
})

test('it waits for a hub to tell our port, and for no longer than UDP may need', () => {
  const told = planned([own])
  assert.equal(told.asked(10, check), 0)
  assert.equal(told.asked(200, { type: 'candidates', candidates: [own, observed] }), 1)
  const late = planned([own])
  assert.equal(late.asked(10, check), 0)
  assert.equal(late.asked(TCP_PUNCH.afterUdpMs - 1, { type: 'tick' }), 0)
  assert.equal(late.asked(TCP_PUNCH.afterUdpMs, { type: 'tick' }), 1)
})

test('the port that it listens on is not the one that it connects from, be its address ever so public', () => {
  const open = planned([{ ...own, address: observed.address, port: 4002 }])
  assert.equal(open.asked(10, check), 0)
  assert.equal(open.asked(200, { type: 'candidates', candidates: [observed] }), 1)
})
