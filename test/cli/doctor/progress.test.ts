import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import colors from 'picocolors'
import { progressLine } from '../../../src/cli/doctor/progress.ts'

const PLAIN = colors.createColors(false)

function terminal(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 30, written, write: (text: string) => written.push(text) }
}

describe('the progress line', () => {
  it('is written over, never longer than the terminal, and gone at the end', t => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const stream = terminal(true)
    const line = progressLine(stream, true, PLAIN)
    line.show('asking the hubs')
    line.show('asking everybody else that might be about')
    t.mock.timers.tick(200)
    assert.equal(stream.written.length, 3)
    for (const text of stream.written) {
      assert.ok(text.startsWith('\r\x1b[2K'))
      assert.match(text, / \d\.\d s$/)
      assert.ok(text.length - 5 < 30, text)
    }
    line.clear()
    assert.equal(stream.written.at(-1), '\r\x1b[2K')
    t.mock.timers.tick(1_000)
    assert.equal(stream.written.length, 4)
  })

  it('is nothing where it is not wanted, and nothing where there is no terminal', () => {
    for (const [stream, shown] of [
      [terminal(true), false],
      [terminal(false), true]
    ] as const) {
      const line = progressLine(stream, shown, PLAIN)
      line.show('asking the hubs')
      line.clear()
      assert.deepEqual(stream.written, [])
    }
  })
})
