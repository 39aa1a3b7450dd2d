import assert from 'node:assert/strict'
import test from 'node:test'
import { TCP_PUNCH, type TcpFacts, TcpPunch, type TcpStep } from '../../../src/traversal/paths/tcp-punch.ts'
import type { PathCandidate, PathMessage } from '../../../src/wire/path.ts'

const at = (address: string): PathCandidate => ({ kind: 'observed', transport: 'tcp', address, port: 4001 })
const [ours, theirs] = [at('11.1.0.10'), at('11.2.0.10')]
const facts = (change: Partial<TcpFacts> = {}): TcpFacts => ({
  wanted: true,
  stream: true,
  own: [ours],
  reachable: true,
  ...change
})
type Punch = Extract<PathMessage, { type: 'PUNCH_TCP' }>
const punch = (round: number): Punch => ({ type: 'PUNCH_TCP', round, candidates: [theirs] })
const hear = (
  side: TcpPunch,
  nowMs: number,
  round: number,
  rttMs = 80,
  dialable: readonly PathCandidate[] = [theirs]
) => side.message(nowMs, punch(round), dialable, [ours], rttMs)
const began = ({ events }: TcpStep) =>
  events.map(event =>
    event.type === 'punch-tcp' ? [event.role, event.candidates.map(({ address }) => address)] : event
  )
const rounds = ({ messages }: TcpStep) => messages.map(message => message.type === 'PUNCH_TCP' && message.round)

test('both begin at the same moment: the one when the answer has come, the other half a round trip after it has left', () => {
  const [a, b] = [new TcpPunch('controlling'), new TcpPunch('controlled')]
  const asked = a.step(1_000, facts())
  assert.deepEqual(asked.messages, [{ type: 'PUNCH_TCP', round: 1, candidates: [ours] }])
  const answered = hear(b, 1_040, 1)
  assert.deepEqual([rounds(answered), began(answered)], [[1], []])
  assert.equal(b.wakeAtMs, 1_080)
  assert.deepEqual(began(b.step(1_079, facts())), [])
  assert.deepEqual(began(b.step(1_080, facts())), [['server', ['11.2.0.10']]])
  assert.deepEqual(began(hear(a, 1_080, 1)), [['client', ['11.2.0.10']]])
})

test('who has no address of theirs to connect to begins nonetheless: they may come to ours', () => {
  const b = new TcpPunch('controlled')
  hear(b, 0, 1, 0, [])
  assert.deepEqual(began(b.step(0, facts())), [['server', []]])
})

const PASSED_OVER: ReadonlyArray<readonly [string, Partial<TcpFacts>, string | undefined]> = [
  ['no address of ours', { own: [] }, 'no-own-address'],
  ['no address of theirs, and none of ours is open', { reachable: false }, 'no-peer-address'],
  ['not wanted', { wanted: false, own: [] }, undefined],
  ['no path stream yet', { stream: false }, undefined]
]
for (const [what, change, reason] of PASSED_OVER) {
  test(`${what}: ${reason ?? 'nothing'}, told once, and again in another network`, () => {
    for (const role of ['controlling', 'controlled'] as const) {
      const side = new TcpPunch(role)
      const attempts = () => [1_000, 1_001].map(nowMs => side.step(nowMs, facts(change)).attempt?.reason)
      assert.deepEqual(attempts(), [reason, undefined])
      side.reset(1_002)
      assert.deepEqual(attempts(), [reason, undefined])
      assert.deepEqual(rounds(side.step(1_003, facts(change))), [])
    }
  })
}

test('no answer: told as silent, and asked again by the backoff, three times in the first minute', () => {
  const a = new TcpPunch('controlling')
  const asked: number[] = []
  const silent: number[] = []
  for (let nowMs = 0; nowMs < 600_000; nowMs += 100) {
    const step = a.step(nowMs, facts())
    if (step.messages.length > 0) asked.push(nowMs)
    if (step.attempt?.reason === 'silent') silent.push(nowMs)
  }
  assert.deepEqual(asked.slice(0, 4), [0, 10_000, 35_000, 100_000])
  assert.deepEqual(
    silent,
    asked.map(ms => ms + TCP_PUNCH.answerMs)
  )
  assert.equal(asked.length, 6)
})

test('an answer to another round, or a second one, begins nothing', () => {
  const a = new TcpPunch('controlling')
  a.step(0, facts())
  assert.deepEqual(began(hear(a, 10, 7)), [])
  assert.equal(began(hear(a, 10, 1)).length, 1)
  assert.deepEqual(began(hear(a, 11, 1)), [])
})

test('a round that is over, or an older one, is not followed; nor is one while another is under way', () => {
  const b = new TcpPunch('controlled')
  assert.deepEqual(rounds(hear(b, 0, 5)), [5])
  assert.deepEqual(rounds(hear(b, 1, 6)), [])
  b.step(b.wakeAtMs, facts())
  assert.deepEqual(rounds(hear(b, 3_000, 7)), [])
  b.punched(3_001, false)
  assert.deepEqual(rounds(hear(b, 3_002, 5)), [])
  assert.deepEqual(rounds(hear(b, 3_002, 8)), [8])
})

test('a peer that asks all the time is followed four times, and then once in half a minute', () => {
  const b = new TcpPunch('controlled')
  let followed = 0
  for (let nowMs = 0; nowMs <= 300_000; nowMs += 500) {
    followed += hear(b, nowMs, nowMs + 1, 0).messages.length
    b.step(nowMs, facts())
    b.punched(nowMs, false)
  }
  assert.equal(followed, 4 + 10)
})

test('what an honest peer asks for by the backoff is always followed', () => {
  const [a, b] = [new TcpPunch('controlling'), new TcpPunch('controlled')]
  let asked = 0
  let followed = 0
  for (let nowMs = 0; nowMs <= 600_000; nowMs += 100) {
    for (const message of a.step(nowMs, facts()).messages) {
      asked++
      followed += b.message(nowMs, message as Punch, [], [ours], 0).messages.length
      hear(a, nowMs, (message as Punch).round)
    }
    b.step(nowMs, facts())
    // both fail within a second
    if (nowMs % 1_000 === 900) for (const side of [a, b]) side.punched(nowMs, false)
  }
  assert.ok(asked >= 5)
  assert.equal(followed, asked)
})

test('nobody tells what became of it: given up, and asked again', () => {
  const a = new TcpPunch('controlling')
  a.step(0, facts())
  hear(a, 10, 1)
  assert.deepEqual(rounds(a.step(10 + TCP_PUNCH.resultMs, facts())), [])
  assert.deepEqual(rounds(a.step(10 + TCP_PUNCH.resultMs + TCP_PUNCH.backoffMs[0], facts())), [2])
})

test('after a success the next failure is the first again', () => {
  const a = new TcpPunch('controlling')
  a.step(0, facts())
  hear(a, 10, 1)
  a.punched(20, true)
  assert.equal(a.wakeAtMs, 20 + TCP_PUNCH.backoffMs[0])
  assert.deepEqual(rounds(a.step(a.wakeAtMs, facts())), [2])
})
