import assert from 'node:assert/strict'
import test from 'node:test'
import { applyToSwitch, type SwitchEvent } from '../../../src/libp2p/links/switching.ts'
import type { Path } from '../../../src/socket/path.ts'

const UDP: Path = { kind: 'udp', socket: 1, remote: { address: '192.0.2.1', port: 9 } }
const ACCEPT: SwitchEvent = { type: 'accept', path: UDP, validated: false }
const VALIDATED: SwitchEvent = { type: 'accept', path: UDP, validated: true }
const USE: SwitchEvent = { type: 'use', path: UDP, holdMs: 0 }

const bad = async (): Promise<boolean> => {
  throw new Error('no such interface')
}
const ROWS: readonly [what: string, event: SwitchEvent, answer: () => Promise<boolean>, told: readonly boolean[]][] = [
  ['taken', ACCEPT, async () => true, []],
  ['no room for what is only claimed', ACCEPT, async () => false, [false]],
  ['no room for what is validated', VALIDATED, async () => false, [true]],
  ['an address that is none', VALIDATED, bad, [true]],
  ['moved', USE, async () => true, []],
  ['not moved', USE, async () => false, [true]],
  ['moved to an address that is none', USE, bad, [true]],
  ['no longer taken', { type: 'refuse', path: UDP }, bad, []]
]
for (const [what, event, answer, expected] of ROWS) {
  test(`what the switch says comes back to the agent: ${what}`, async () => {
    const told: boolean[] = []
    const dismiss = () => {
      throw new Error('no such interface')
    }
    const asked: (boolean | undefined)[] = []
    const admit = (_flow: number, _path: Path, validated?: boolean) => {
      asked.push(validated)
      return answer()
    }
    applyToSwitch({ admit, move: answer, dismiss }, 7, event, (path, validated) => {
      assert.equal(path, UDP)
      told.push(validated)
    })
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(told, expected)
    if (event.type === 'accept') assert.deepEqual(asked, [event.validated])
  })
}
