import assert from 'node:assert/strict'
import test from 'node:test'
import type { Stream } from '@libp2p/interface'
import { VirtualClock } from '../../../src/core/clock.ts'
import { limitsOf } from '../../../src/hub/relay/limits.ts'
import { forward } from '../../../src/hub/relay/splice.ts'
import { Traffic } from '../../../src/hub/relay/traffic.ts'

/** A stream of a connection that has just gone: it does not know yet, and everything that needs the connection throws. */
class Gone extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  writeStatus = 'writable'
  readonly aborted: Error[] = []

  send(): never {
    throw new Error('cannot write')
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): never {
    throw new Error('cannot resume')
  }

  abort(error: Error): void {
    this.aborted.push(error)
  }
}

const between = () => {
  const [from, to] = [new Gone(), new Gone()]
  const clock = new VirtualClock()
  forward(from as unknown as Stream, to as unknown as Stream, new Traffic(limitsOf(), clock).toll('alice'), clock)
  return { from, to, aborted: () => [...from.aborted, ...to.aborted].map(({ message }) => message) }
}

// what a listener throws is an uncaught exception, which fails the test and would end a hub

test('one end has gone and the other one takes more: both are over', () => {
  const { from, to, aborted } = between()
  from.pause()
  to.dispatchEvent(new Event('drain'))
  assert.deepEqual(aborted(), ['cannot resume', 'cannot resume'])
})

test('one end has gone and the other one says more: both are over', () => {
  const { from, aborted } = between()
  from.dispatchEvent(Object.assign(new Event('message'), { data: new Uint8Array(10) }))
  assert.deepEqual(aborted(), ['cannot write', 'cannot write'])
})
