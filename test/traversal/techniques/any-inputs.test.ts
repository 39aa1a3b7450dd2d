import assert from 'node:assert/strict'
import test from 'node:test'
import { type Random, seededRandom } from '../../../src/core/random.ts'
import { BirthdayOpening } from '../../../src/traversal/techniques/birthday-opening.ts'
import { portsToTry } from '../../../src/traversal/techniques/birthday-ports.ts'
import type { Announced } from '../../../src/traversal/techniques/networks.ts'
import { PredictMeeting } from '../../../src/traversal/techniques/predict-meeting.ts'
import { PredictOpening } from '../../../src/traversal/techniques/predict-opening.ts'
import type { Probe, ProbingInput, ProbingMachine } from '../../../src/traversal/techniques/probing.ts'
import { Searching } from '../../../src/traversal/techniques/searching.ts'

const THEM = '11.0.0.2'
const announced = (): Announced => ({
  mine: [{ kind: 'observed', transport: 'udp', address: '11.0.0.1', port: 4_001 }],
  theirs: [{ kind: 'observed', transport: 'udp', address: THEM, port: 4_001 }]
})

const MACHINES: Readonly<Record<string, (random: Random) => ProbingMachine>> = {
  'birthday, opening': () => new BirthdayOpening(announced),
  'a search from a fixed port': random => searching('fixed', random),
  'a search from one for each host': random => searching('per-host', random),
  'predict, opening': () => new PredictOpening({ announced, step: 1, rounds: 3 }),
  'predict, meeting': () => new PredictMeeting({ announced, step: null, stride: 2, rounds: 3 })
}

function searching(ours: 'fixed' | 'per-host', random: Random): ProbingMachine {
  const portsOf = ({ ports }: { readonly ports: readonly number[] }) => portsToTry(ports, random)
  const pace = { batch: 4, everyMs: 5 }
  return new Searching({ announced, ours, step: 1, rounds: 3, probes: 64, pace, searchMs: 4_000, portsOf })
}

function anyInput(random: Random, held: readonly Probe[], sockets: number): ProbingInput {
  const address = random.int(0, 9) === 0 ? '11.9.9.9' : THEM
  const port = random.int(1, 65_535)
  const round = random.int(1, 4)
  switch (random.int(0, 9)) {
    case 0:
      return { type: 'opened', sockets: Array.from({ length: random.int(0, 32) }, (_, n) => sockets + n) }
    case 1:
    case 2:
      return {
        type: 'observed',
        socket: random.int(0, sockets + 4),
        as: random.int(0, 3) === 0 ? undefined : { address, port }
      }
    case 3:
      return { type: 'heard', message: { type: 'TARGETS', round, endpoints: [{ address, port }] } }
    case 4:
      return { type: 'heard', message: { type: 'OPENED', round, address, ports: [port, port] } }
    case 5:
      return { type: 'heard', message: { type: 'FORECAST', round, address, port, step: random.int(1, 16) } }
    case 6:
      return random.int(0, 30) === 0 ? { type: 'heard', message: { type: 'DONE', reason: 'limit' } } : { type: 'tick' }
    case 7:
      return held.length > 0 ? { type: 'held', probes: held } : { type: 'tick' }
    default:
      return { type: 'tick' }
  }
}

for (const [name, make] of Object.entries(MACHINES)) {
  test(`${name}: whatever it is told, it wakes or ends, and probes only whom it may, so often`, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed)
      const machine = make(random)
      let nowMs = 0
      let sockets = 1
      let probes = 0
      let held: Probe[] = []
      let input: ProbingInput = { type: 'start' }
      for (let steps = 0; ; steps++) {
        assert.ok(steps < 20_000, `seed ${seed} does not end`)
        const { actions = [], wakeAtMs, end } = machine.step(nowMs, input)
        if (input.type === 'opened') sockets += input.sockets.length
        if (input.type === 'held') probes -= held.length
        held = actions.flatMap(action => (action.type === 'probe' ? [action.probe] : []))
        probes += held.length
        for (const { from, to } of held) {
          assert.ok(from < sockets && to.address === THEM && to.port >= 1_024, `seed ${seed}`)
        }
        assert.ok(machine.effort.length > 0)
        if (end != null) break
        assert.ok(wakeAtMs != null && Number.isFinite(wakeAtMs), `seed ${seed} sleeps for ever`)
        input = anyInput(random, held, sockets)
        if (input.type === 'tick') nowMs = Math.max(nowMs, wakeAtMs)
      }
      assert.ok(probes <= 2_048, `${probes} in seed ${seed}`)
      assert.ok(nowMs <= 60_000, `${nowMs} ms in seed ${seed}`)
    }
  })
}
