import assert from 'node:assert/strict'
import test from 'node:test'
import type { Reason } from '../../src/traversal/attempt.ts'
import {
  headStartMs,
  mostTelling,
  type PunchFacts,
  type PunchRole,
  punchRole,
  type Reversal,
  type Side,
  simultaneousRole,
  skipReason
} from '../../src/traversal/upgrade.ts'

const roles: ReadonlyArray<readonly [Side, number, PunchRole]> = [
  ['initiator', 1, 'open'],
  ['initiator', 2, 'open'],
  ['initiator', 3, 'dial'],
  ['receiver', 1, 'dial'],
  ['receiver', 2, 'dial'],
  ['receiver', 3, 'dial']
]
for (const [side, round, role] of roles) {
  test(`round ${round}: the ${side} will ${role}`, () => assert.equal(punchRole(side, round), role))
}

const simultaneous: ReadonlyArray<readonly [Side, number, 'client' | 'server']> = [
  ['receiver', 0, 'client'],
  ['initiator', 0, 'server'],
  ['receiver', 1, 'server'],
  ['initiator', 1, 'client'],
  ['receiver', 2, 'client'],
  ['initiator', 2, 'server']
]
for (const [side, clashes, role] of simultaneous) {
  test(`a connection that both dialled, after ${clashes} clashes: the ${side} is the ${role}`, () =>
    assert.equal(simultaneousRole(side, clashes), role))
}

const headStarts: ReadonlyArray<readonly [Reversal, number, number]> = [
  ['not-public', 100, 0],
  ['failed', 100, 0],
  ['dialling', 0, 50],
  ['dialling', 80, 160],
  ['dialling', 5_000, 1_000]
]
for (const [reversal, rttMs, ms] of headStarts) {
  test(`reversal ${reversal}, rtt ${rttMs} ms: SYNC waits ${ms} ms`, () =>
    assert.equal(headStartMs(reversal, rttMs), ms))
}

const fine: PunchFacts = { direct: false, punchableTransports: 1, own: 1 }
const skips: ReadonlyArray<readonly [Partial<PunchFacts>, Reason | undefined]> = [
  [{}, undefined],
  [{ theirs: 1 }, undefined],
  [{ theirs: 0 }, 'no-peer-address'],
  [{ own: 0 }, 'no-own-address'],
  [{ own: 0, punchableTransports: 0 }, 'no-transport'],
  [{ own: 0, punchableTransports: 0, direct: true }, 'already-direct']
]
for (const [facts, reason] of skips) {
  test(`${JSON.stringify(facts)}: ${reason ?? 'punch'}`, () => assert.equal(skipReason({ ...fine, ...facts }), reason))
}

const tellings: ReadonlyArray<readonly [Reason[], Reason]> = [
  [[], 'no-answer'],
  [['no-answer', 'refused'], 'refused'],
  [['refused', 'unproven', 'wrong-peer'], 'wrong-peer'],
  [['refused', 'port-taken'], 'port-taken'],
  [['port-taken', 'no-answer', 'role-clash'], 'role-clash'],
  [['role-clash', 'connected'], 'connected'],
  [['aborted'], 'no-answer']
]
for (const [reasons, reason] of tellings) {
  test(`of ${reasons.join(', ') || 'none'}: ${reason}`, () => assert.equal(mostTelling(reasons), reason))
}
