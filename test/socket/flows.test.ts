import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import fc from 'fast-check'
import { type Flow, FlowTable } from '../../src/socket/flows.ts'
import type { Path, Role } from '../../src/socket/path.ts'
import { handshake, initial, short } from './packets.ts'

const LIMITS = { maxFlows: 6, maxUnconfirmed: 3, unconfirmedMs: 8_000, idleMs: 90_000, lingerMs: 1_000 }
const SOCKET = 1
const CLIENT_ID = 'c1c1c1c1c1c1c1c1'
const SERVER_ID = '5e5e5e5e5e5e5e5e'
const OTHER_ID = '0f0f0f0f0f0f0f0f'

const udp = (port: number, socket = SOCKET): Path => ({ kind: 'udp', socket, remote: { address: '192.0.2.1', port } })
const table = () => new FlowTable<string>(LIMITS)
const add = (flows: FlowTable<string>, role: Role, port = 1, nowMs = 0) => flows.add(role, udp(port), port, role, nowMs)

/** A server flow whose other side has repeated an id that our engine made up. */
function confirm(flows: FlowTable<string>, flow: Flow<string>, nowMs = 0): void {
  flows.sent(flow, initial({ from: SERVER_ID }), nowMs)
  flows.received(flow, handshake({ to: SERVER_ID }), nowMs)
  assert.equal(flow.confirmed, true)
}

describe('who gets a packet', () => {
  const packets = {
    'an Initial to a new id': initial({ to: OTHER_ID }),
    'an Initial to our client': initial({ to: CLIENT_ID }),
    'a Handshake packet to our client': handshake({ to: CLIENT_ID }),
    'a Handshake packet to another id': handshake({ to: OTHER_ID }),
    'a short header to our client': short(CLIENT_ID),
    'a greased short header to our client': short(CLIENT_ID, { greased: true }),
    'a short header to another id': short(OTHER_ID),
    'eight bytes': Buffer.alloc(8, 0x41),
    nothing: Buffer.alloc(0)
  }
  type Row = readonly [packet: keyof typeof packets, whenListening: string, whenNot?: string]
  const rows: Record<string, readonly Row[]> = {
    'nobody is known there': [
      ['an Initial to a new id', 'open server', 'drop no-listener'],
      ['a Handshake packet to another id', 'drop unknown'],
      ['a short header to another id', 'drop unknown'],
      ['nothing', 'drop unknown']
    ],
    'our client dialled there': [
      ['an Initial to our client', 'client'],
      ['a Handshake packet to our client', 'client'],
      ['a short header to our client', 'client'],
      ['a greased short header to our client', 'client'],
      ['a short header to another id', 'client'],
      ['a Handshake packet to another id', 'client'],
      ['an Initial to a new id', 'open server', 'drop no-listener'],
      ['nothing', 'drop unknown']
    ],
    'our server accepted from there': [
      ['an Initial to a new id', 'server'],
      ['a Handshake packet to another id', 'server'],
      ['a short header to another id', 'server'],
      ['eight bytes', 'server'],
      ['nothing', 'drop unknown']
    ],
    'our client dialled there and our server accepted from there': [
      ['an Initial to our client', 'client'],
      ['a Handshake packet to our client', 'client'],
      ['a short header to our client', 'client'],
      ['a greased short header to our client', 'client'],
      ['an Initial to a new id', 'server'],
      ['a Handshake packet to another id', 'server'],
      ['a short header to another id', 'server and client'],
      ['eight bytes', 'server and client'],
      ['nothing', 'drop unknown']
    ]
  }
  for (const [state, each] of Object.entries(rows)) {
    for (const [packet, whenListening, whenNot = whenListening] of each) {
      for (const [listening, expected] of [
        [true, whenListening],
        [false, whenNot]
      ] as const) {
        test(`${state}, ${listening ? '' : 'not '}listening: ${packet} -> ${expected}`, () => {
          const flows = table()
          if (state.includes('client')) flows.sent(add(flows, 'client'), initial({ from: CLIENT_ID }), 0)
          if (state.includes('server')) add(flows, 'server')
          const route = flows.route(SOCKET, 1, packets[packet], listening)
          if ('to' in route) assert.equal([route.to.role, route.also?.role].filter(Boolean).join(' and '), expected)
          else assert.equal(Object.entries(route).flat().join(' '), expected)
        })
      }
    }
  }

  test('another port, another socket: another peer', () => {
    const flows = table()
    add(flows, 'server')
    assert.deepEqual(flows.route(SOCKET, 2, short(OTHER_ID), true), { drop: 'unknown' })
    assert.deepEqual(flows.route(SOCKET + 1, 1, short(OTHER_ID), true), { drop: 'unknown' })
  })

  test('the only flow from an address is found without looking at the packet; of two, none is', () => {
    const flows = table()
    assert.equal(flows.only(SOCKET, 1), undefined)
    const client = add(flows, 'client')
    assert.equal(flows.only(SOCKET, 1), client)
    const server = add(flows, 'server')
    assert.equal(flows.only(SOCKET, 1), undefined)
    flows.remove(client)
    assert.equal(flows.only(SOCKET, 1), server)
  })

  test('no bytes make it throw, and only a well-formed Initial opens anything', () => {
    const both = table()
    flowsOfBoth(both)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300 }), fc.boolean(), fc.nat(3), (bytes, listening, key) => {
        const route = both.route(SOCKET, key, bytes, listening)
        if ('open' in route) assert.ok(bytes.length >= 1200 && listening)
        for (const flow of both.all()) {
          both.sent(flow, bytes, 1)
          both.received(flow, bytes, 1)
        }
      }),
      { numRuns: 1_000 }
    )
  })

  function flowsOfBoth(flows: FlowTable<string>): void {
    add(flows, 'client', 1)
    add(flows, 'server', 1)
    add(flows, 'server', 2)
  }
})

describe('the ids of our client', () => {
  test('are noted from its long headers, the newest 64 of them', () => {
    const flows = table()
    const client = add(flows, 'client')
    const idOf = (i: number) => i.toString(16).padStart(16, '0')
    for (let i = 0; i < 70; i++) flows.sent(client, initial({ from: idOf(i) }), i)
    flows.sent(client, short(OTHER_ID), 70)
    assert.deepEqual(
      [...client.ids],
      Array.from({ length: 64 }, (_, i) => idOf(i + 6))
    )
  })

  test('never include the empty id, which anybody could guess', () => {
    const flows = table()
    const client = add(flows, 'client')
    flows.sent(client, initial({ from: '' }), 0)
    assert.equal(client.ids.size, 0)
  })
})

describe('what proves that an address is not forged', () => {
  for (const [what, answer, proved] of [
    ['a Handshake packet to the id that our server chose', handshake({ to: SERVER_ID }), true],
    ['a second Initial to it', initial({ to: SERVER_ID }), true],
    ['a short header to it', short(SERVER_ID), true],
    ['the first Initial again', initial({ to: OTHER_ID }), false],
    ['another Initial', initial({ to: '0a0a0a0a0a0a0a0a' }), false],
    ['a short header to another id', short(OTHER_ID), false],
    ['noise', Buffer.alloc(40, 0x99), false]
  ] as const) {
    test(`${what}: ${proved}`, () => {
      const flows = table()
      const flow = add(flows, 'server')
      flows.received(flow, initial({ to: OTHER_ID }), 0)
      flows.sent(flow, initial({ to: 'c2c2', from: SERVER_ID }), 1)
      flows.received(flow, answer, 2)
      assert.equal(flow.confirmed, proved)
    })
  }

  test('a client flow needs no proof: we chose the address', () => {
    assert.equal(add(table(), 'client').confirmed, true)
  })
})

describe('bounds', () => {
  test('so many unproved flows and no more, as long as all of them are young', () => {
    const flows = table()
    for (let port = 1; port <= LIMITS.maxUnconfirmed; port++) {
      assert.deepEqual(flows.admit('server', 0), { ok: true })
      add(flows, 'server', port)
    }
    assert.deepEqual(flows.admit('server', 1_000), { ok: false })
    assert.deepEqual(flows.admit('client', 1_000), { ok: true })
  })

  test('an unproved flow that is a second old makes room, the oldest first', () => {
    const flows = table()
    const [first, second] = [add(flows, 'server', 1, 0), add(flows, 'server', 2, 10)]
    add(flows, 'server', 3, 20)
    assert.deepEqual(flows.admit('server', 1_001), { ok: true, evict: first })
    flows.remove(first)
    add(flows, 'server', 4, 1_001)
    assert.deepEqual(flows.admit('server', 1_011), { ok: true, evict: second })
  })

  test('a proved flow counts no longer among the unproved, and is never evicted', () => {
    const flows = table()
    for (let port = 1; port <= LIMITS.maxFlows; port++) {
      assert.deepEqual(flows.admit('server', 0), { ok: true })
      confirm(flows, add(flows, 'server', port))
    }
    assert.equal(flows.size, LIMITS.maxFlows)
    assert.deepEqual(flows.admit('server', 60_000), { ok: false })
    assert.deepEqual(flows.admit('client', 60_000), { ok: false })
  })

  test('a dial evicts an unproved flow when the table is full', () => {
    const flows = table()
    const unproved = add(flows, 'server', 1)
    for (let port = 2; port <= LIMITS.maxFlows; port++) add(flows, 'client', port)
    assert.deepEqual(flows.admit('client', 1_000), { ok: false })
    assert.deepEqual(flows.admit('client', 1_001), { ok: true, evict: unproved })
  })

  test('a flow that was removed, even twice, gives its place back once', () => {
    const flows = table()
    const flow = add(flows, 'server', 1)
    for (let port = 2; port <= LIMITS.maxUnconfirmed; port++) add(flows, 'server', port)
    flows.remove(flow)
    flows.remove(flow)
    assert.deepEqual(flows.admit('server', 0), { ok: true })
    add(flows, 'server', 9)
    assert.deepEqual(flows.admit('server', 0), { ok: false })
  })
})

describe('expiry', () => {
  const expired = (flows: FlowTable<string>, nowMs: number) => [...flows.expired(nowMs)].map(flow => flow.role)

  test('an inbound flow has 8 s to prove itself', () => {
    const flows = table()
    const flow = add(flows, 'server')
    flows.sent(flow, initial({ from: SERVER_ID }), 7_000)
    assert.deepEqual(expired(flows, 8_000), [])
    assert.deepEqual(expired(flows, 8_001), ['server'])
    flows.received(flow, handshake({ to: SERVER_ID }), 8_000)
    assert.deepEqual(expired(flows, 8_001), [])
  })

  for (const role of ['client', 'server'] as const) {
    test(`a ${role} flow that is silent for 90 s is dead; a packet either way keeps it`, () => {
      const flows = table()
      const flow = add(flows, role)
      if (role === 'server') confirm(flows, flow)
      assert.deepEqual(expired(flows, 90_000), [])
      assert.deepEqual(expired(flows, 90_001), [role])
      flows.received(flow, short(CLIENT_ID), 50_000)
      assert.deepEqual(expired(flows, 140_000), [])
      flows.sent(flow, short(CLIENT_ID), 100_000)
      assert.deepEqual(expired(flows, 190_000), [])
      assert.deepEqual(expired(flows, 190_001), [role])
    })
  }

  test('a released flow lives on for a second, unless somebody wants it again', () => {
    const flows = table()
    const flow = add(flows, 'client')
    flows.release(flow, 5_000)
    assert.deepEqual(expired(flows, 5_999), [])
    assert.deepEqual(expired(flows, 6_000), ['client'])
    flows.retain(flow)
    assert.deepEqual(expired(flows, 6_000), [])
  })

  test('flows may be removed while the expired ones are gone through', () => {
    const flows = table()
    for (let port = 1; port <= 5; port++) add(flows, 'client', port)
    let seen = 0
    for (const flow of flows.expired(100_000)) {
      flows.remove(flow)
      seen++
    }
    assert.deepEqual([seen, flows.size], [5, 0])
  })
})

describe('moving', () => {
  test('a flow is found under its new path, and no longer under the old one', () => {
    const flows = table()
    const flow = add(flows, 'server')
    flows.move(flow, udp(2), 2)
    assert.equal(flows.only(SOCKET, 1), undefined)
    assert.equal(flows.only(SOCKET, 2), flow)
    flows.move(flow, { kind: 'pipe', pipe: 7 }, undefined)
    assert.equal(flows.only(SOCKET, 2), undefined)
    assert.equal(flows.get(flow.id), flow)
    flows.move(flow, udp(1, 2), 1)
    assert.equal(flows.only(2, 1), flow)
  })

  test('to where another flow of its role is: it takes the place, and does not take it along when it goes', () => {
    const flows = table()
    const [older, newer] = [add(flows, 'client', 1), add(flows, 'client', 2)]
    flows.move(newer, udp(1), 1)
    assert.equal(flows.only(SOCKET, 1), newer)
    flows.remove(older)
    assert.equal(flows.only(SOCKET, 1), newer)
  })

  test('the flows of the other role at the same address stay', () => {
    const flows = table()
    const [client, server] = [add(flows, 'client'), add(flows, 'server')]
    flows.move(client, udp(2), 2)
    assert.equal(flows.only(SOCKET, 1), server)
    assert.equal(flows.only(SOCKET, 2), client)
  })
})
