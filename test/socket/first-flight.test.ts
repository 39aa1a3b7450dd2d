import assert from 'node:assert/strict'
import test from 'node:test'
import { FirstFlights } from '../../src/socket/first-flight.ts'

/** Ticks when asked to, in virtual time, and tells when what was sent. */
function run(
  flights: FirstFlights,
  untilMs: number,
  { from = 0, open = () => true }: { from?: number; open?: () => boolean } = {}
): string[] {
  const sent: string[] = []
  for (let nowMs = from; nowMs <= untilMs; ) {
    const wakeAtMs = flights.tick(nowMs, (flow, bytes) => {
      if (open()) sent.push(`${nowMs} ${flow}:${bytes[0]}`)
      return open()
    })
    assert.ok(wakeAtMs > nowMs, 'it asks for a later time')
    nowMs = wakeAtMs
  }
  return sent
}

test('repeats at 20, 50, 100, 200 and 400 ms after the first datagram, then no more', () => {
  const flights = new FirstFlights()
  flights.expect(7)
  flights.sent(7, Uint8Array.of(1), 0)
  flights.sent(7, Uint8Array.of(2), 3)
  assert.deepEqual(
    run(flights, 10_000),
    [20, 50, 100, 200, 400].flatMap(ms => [`${ms} 7:1`, `${ms} 7:2`])
  )
  assert.equal(
    flights.tick(20_000, () => true),
    Number.POSITIVE_INFINITY
  )
})

test('waits for an engine that begins late, and counts from there', () => {
  const flights = new FirstFlights()
  flights.expect(1)
  assert.deepEqual(run(flights, 990), [])
  flights.sent(1, Uint8Array.of(9), 1_000)
  assert.deepEqual(run(flights, 1_060, { from: 1_000 }), ['1020 1:9', '1050 1:9'])
})

test('stops when something came back', () => {
  const flights = new FirstFlights()
  flights.expect(1)
  flights.sent(1, Uint8Array.of(9), 0)
  assert.deepEqual(run(flights, 60), ['20 1:9', '50 1:9'])
  flights.forget(1)
  assert.deepEqual(run(flights, 10_000, { from: 61 }), [])
})

test('stops when the flow can no longer be sent on', () => {
  const flights = new FirstFlights()
  flights.expect(1)
  flights.sent(1, Uint8Array.of(9), 0)
  assert.deepEqual(run(flights, 60, { open: () => false }), [])
  assert.deepEqual(run(flights, 10_000, { from: 61 }), [])
})

test('three datagrams are kept, and nothing that is sent after the first repetition', () => {
  const flights = new FirstFlights()
  flights.expect(1)
  for (const byte of [1, 2, 3, 4]) flights.sent(1, Uint8Array.of(byte), 0)
  assert.deepEqual(run(flights, 20), ['20 1:1', '20 1:2', '20 1:3'])
  flights.sent(1, Uint8Array.of(5), 21)
  assert.deepEqual(run(flights, 50, { from: 21 }), ['50 1:1', '50 1:2', '50 1:3'])
})

test('a thread that was away repeats once, not once for each moment that it missed', () => {
  const flights = new FirstFlights()
  flights.expect(1)
  flights.sent(1, Uint8Array.of(9), 0)
  assert.deepEqual(run(flights, 300, { from: 150 }), ['150 1:9', '200 1:9'])
})

test('only what was announced is kept, as a copy', () => {
  const flights = new FirstFlights()
  flights.sent(1, Uint8Array.of(9), 0)
  assert.deepEqual(run(flights, 1_000), [])
  flights.expect(2)
  const bytes = Buffer.of(8)
  flights.sent(2, bytes, 1_000)
  bytes[0] = 0
  assert.deepEqual(run(flights, 1_020, { from: 1_000 }), ['1020 2:8'])
})
