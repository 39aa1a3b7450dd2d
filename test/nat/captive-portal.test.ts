import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import type { HttpResponse, NetHost } from '../../src/core/net.ts'
import { captivePortal } from '../../src/nat/captive-portal.ts'
import { createSim } from '../../src/sim/index.ts'

const page = { url: 'http://11.1.0.10:8080/', contains: 'beeline hub' }
const signal = new AbortController().signal

/** A host to whose requests somebody answers so. */
function host(answer: Partial<HttpResponse> | Error): NetHost {
  using sim = createSim({ alice: {} })
  const http = async (): Promise<HttpResponse> => {
    if (answer instanceof Error) throw answer
    return { status: 200, headers: {}, body: '', localAddress: '11.1.0.10', ...answer }
  }
  return Object.assign(Object.create(sim.host('alice')) as NetHost, { http })
}

describe('who answers in place of the hub', () => {
  const rows: [about: string, answer: Partial<HttpResponse> | Error, verdict: boolean | null][] = [
    ['the hub', { body: '<h1>beeline hub</h1>' }, false],
    ['the hub, which refuses what is no WebSocket', { status: 400, body: 'beeline hub: WebSockets only' }, false],
    ['somebody who refuses', { status: 400, body: 'Bad Request' }, null],
    ['a network that says what it wants', { status: 511, body: 'log in' }, true],
    ['a login page', { body: 'Welcome to our hotel' }, true],
    ['the way to one', { status: 302, headers: { location: 'http://login.example/' } }, true],
    ['a page too long to be ours', new NatError('LIMIT', 'too long'), true],
    ['nobody', new NatError('NO_NETWORK', 'refused'), null],
    ['somebody who does not speak HTTP', new NatError('MALFORMED', 'no HTTP'), null]
  ]
  for (const [about, answer, verdict] of rows) {
    test(about, async () => assert.equal(await captivePortal(host(answer), page, signal), verdict))
  }

  test('who gives up gets the reason', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await assert.rejects(captivePortal(host(new Error('aborted')), page, controller.signal), /enough/)
  })
})
