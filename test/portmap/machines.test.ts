import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../../src/core/machine.ts'
import { Exchange } from '../../src/portmap/exchange.ts'
import { Search } from '../../src/portmap/upnp/search.ts'
import { decodeSsdp, encodeSsdp } from '../../src/wire/upnp/ssdp.ts'

const SERVER = { address: '192.168.0.1', port: 5351 }
const QUESTION = Uint8Array.of(1)
const ANSWER = Uint8Array.of(2)

function exchange(): Exchange<string> {
  return new Exchange({
    to: SERVER,
    sends: [0, 250, 750].map(atMs => ({ atMs, bytes: QUESTION })),
    endMs: 1_500,
    read: bytes => (bytes[0] === 2 ? 'answered' : undefined)
  })
}

/** Runs a machine's timer until it has ended. @returns when it sent how many datagrams, and its events */
function alone<Event>(machine: Machine<Event>, startMs = 0) {
  const sent: [number, number][] = []
  const events: Event[] = []
  let nowMs = startMs
  for (let step = machine.step(nowMs, { type: 'start' }); ; step = machine.step(nowMs, { type: 'tick' })) {
    if ((step.send ?? []).length > 0) sent.push([nowMs, step.send!.length])
    events.push(...(step.events ?? []))
    if (step.done === true) return { sent, events, endMs: nowMs }
    nowMs = step.wakeAtMs!
  }
}

test('a question is repeated, and then given up', () => {
  assert.deepEqual(alone(exchange(), 100), {
    sent: [
      [100, 1],
      [350, 1],
      [850, 1]
    ],
    events: [undefined],
    endMs: 1_600
  })
})

test('the server answers, and nobody else does', () => {
  const machine = exchange()
  machine.step(0, { type: 'start' })
  for (const from of [
    { address: '192.168.0.2', port: 5351 },
    { address: '192.168.0.1', port: 5352 },
    { address: '::ffff:192.168.0.1', port: 5351 }
  ]) {
    assert.deepEqual(machine.step(1, { type: 'packet', bytes: ANSWER, from }), { wakeAtMs: 250 })
  }
  assert.deepEqual(machine.step(1, { type: 'packet', bytes: Uint8Array.of(9), from: SERVER }), { wakeAtMs: 250 })
  assert.deepEqual(machine.step(2, { type: 'packet', bytes: ANSWER, from: SERVER }), {
    events: ['answered'],
    done: true
  })
})

test('a link-local server answers with a zone or without', () => {
  const machine = new Exchange({
    to: { address: 'fe80::1%eth0', port: 5351 },
    sends: [{ atMs: 0, bytes: QUESTION }],
    endMs: 100,
    read: () => 'answered'
  })
  machine.step(0, { type: 'start' })
  const from = { address: 'fe80::1', port: 5351 }
  assert.deepEqual(machine.step(1, { type: 'packet', bytes: ANSWER, from }).events, ['answered'])
})

const answer = (location: string) => encodeSsdp({ type: 'answer', target: 'x', usn: 'y', location })
const search = () => new Search({ group: '239.255.255.250', isRouter: address => address === '192.168.0.1' })

test('a search: three types, twice, and three and a half seconds for answers', () => {
  const { sent, endMs } = alone(search())
  assert.deepEqual(sent, [
    [0, 3],
    [500, 3]
  ])
  assert.equal(endMs, 3_500)
  const { send } = search().step(0, { type: 'start' })
  assert.deepEqual(
    send!.map(({ bytes }) => decodeSsdp(bytes)).map(message => message.type === 'search' && message.target),
    [
      'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
      'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
      'upnp:rootdevice'
    ]
  )
})

test('a search hears the router only, each location once, and four of them', () => {
  const machine = search()
  machine.step(0, { type: 'start' })
  const heard = (location: string, address = '192.168.0.1') => {
    const step = machine.step(10, { type: 'packet', bytes: answer(location), from: { address, port: 1900 } })
    assert.equal(step.wakeAtMs, 500, 'what is heard changes no timer')
    return step.events?.length
  }
  assert.equal(heard('http://192.168.0.66/', '192.168.0.66'), 0)
  assert.equal(heard('http://192.168.0.1/1'), 1)
  assert.equal(heard('http://192.168.0.1/1'), 0)
  for (const n of [2, 3, 4]) assert.equal(heard(`http://192.168.0.1/${n}`), 1)
  assert.equal(heard('http://192.168.0.1/5'), 0)
  const junk = { type: 'packet', bytes: Uint8Array.of(1, 2, 3), from: { address: '192.168.0.1', port: 1900 } } as const
  assert.deepEqual(machine.step(10, junk).events, [])
})
