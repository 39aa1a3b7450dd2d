import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { connectSimultaneously } from '../../../src/libp2p/tcp/punch.ts'

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Connects in virtual time; each try takes `rttMs` and then fails with the code, or succeeds where there is none. */
function setUp(codeOf: (tries: number) => string | undefined, rttMs = 0, met = () => false) {
  const clock = new VirtualClock()
  const controller = new AbortController()
  const tries: number[] = []
  const connect = async () => {
    tries.push(clock.now())
    const code = codeOf(tries.length)
    if (rttMs > 0) await new Promise<void>(resolve => clock.after(rttMs, resolve))
    if (code != null) throw failure(code)
    return 'connected'
  }
  const ended = connectSimultaneously(connect, met, clock, controller.signal)
  ended.catch(() => {})
  return { clock, controller, tries, ended }
}

for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH']) {
  test(`${code} may mean too early: tried again at once`, async () => {
    const { clock, tries, ended } = setUp(count => (count < 3 ? code : undefined), 80)
    await clock.advance(240)
    assert.equal(await ended, 'connected')
    assert.deepEqual(tries, [0, 80, 160])
    assert.equal(clock.pending, 0)
  })
}

for (const code of ['EADDRNOTAVAIL', 'EADDRINUSE', 'ETIMEDOUT', 'EACCES', 'EncryptionFailedError']) {
  test(`${code} is no matter of time: told at once`, async () => {
    const { clock, tries, ended } = setUp(() => code)
    await assert.rejects(ended, { code })
    assert.deepEqual(tries, [0])
    assert.equal(clock.pending, 0)
  })
}

test('a host that always refuses hears five SYNs, spread over the time in which the other side may come', async () => {
  const { clock, tries, ended } = setUp(() => 'ECONNREFUSED')
  await clock.advance(60_000)
  await assert.rejects(ended, { code: 'ECONNREFUSED' })
  assert.equal(tries.length, 5)
  assert.ok(tries.at(-1)! >= 500 && tries.at(-1)! <= 1_000, `the last after ${tries.at(-1)} ms`)
})

test('what other failure a retry ends with is the one that is told', async () => {
  const { clock, ended } = setUp(count => (count < 2 ? 'ECONNREFUSED' : 'EADDRNOTAVAIL'))
  await clock.advance(1_000)
  await assert.rejects(ended, { code: 'EADDRNOTAVAIL' })
})

test('the signal ends a pause at once, with its own reason, and no try follows', async () => {
  const { clock, controller, tries, ended } = setUp(() => 'ECONNREFUSED')
  await clock.advance(10)
  assert.equal(clock.pending, 1, 'it is waiting')
  const before = tries.length
  controller.abort(new Error('enough'))
  await assert.rejects(ended, { message: 'enough' })
  assert.equal(clock.pending, 0)
  await clock.advance(60_000)
  assert.equal(tries.length, before)
})

test('a try that fails because of the signal is not tried again', async () => {
  const { clock, controller, tries, ended } = setUp(() => 'ECONNREFUSED', 80)
  controller.abort(new Error('enough'))
  await clock.advance(1_000)
  await assert.rejects(ended, { message: 'enough' })
  assert.deepEqual(tries, [0])
})

test('a reset in the handshake is no early SYN: told at once', async () => {
  let met = false
  const { tries, ended } = setUp(
    () => {
      met = true
      return 'ECONNRESET'
    },
    0,
    () => met
  )
  await assert.rejects(ended, { code: 'ECONNRESET' })
  assert.deepEqual(tries, [0])
})
