import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import type { FlowTable } from '../../src/socket/flows.ts'
import {
  add,
  addLink,
  CLIENT_ID,
  confirm,
  LIMITS,
  OTHER_ID,
  only,
  SERVER_ID,
  SOCKET,
  table,
  udp
} from './flow-table.ts'
import { handshake, initial, short } from './packets.ts'

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

  test('not an id that it made up itself and that a version negotiation of ours repeated', () => {
    const flows = table()
    const flow = add(flows, 'server')
    flows.sent(flow, initial({ version: 0, to: 'c2c2', from: OTHER_ID, bytes: 40 }), 1)
    flows.received(flow, initial({ to: OTHER_ID }), 2)
    assert.deepEqual([flow.confirmed, flow.ids.size], [false, 0])
  })
})

describe('bounds', () => {
  test('so many unproved flows and no more, as long as all of them are young', () => {
    const flows = table()
    for (let port = 1; port <= LIMITS.maxUnconfirmed; port++) {
      assert.deepEqual(flows.room('server', 0), { ok: true })
      add(flows, 'server', port)
    }
    assert.deepEqual(flows.room('server', 1_000), { ok: false })
    assert.deepEqual(flows.room('client', 1_000), { ok: true })
  })

  test('an unproved flow that is a second old makes room, the oldest first', () => {
    const flows = table()
    const [first, second] = [add(flows, 'server', 1, 0), add(flows, 'server', 2, 10)]
    add(flows, 'server', 3, 20)
    assert.deepEqual(flows.room('server', 1_001), { ok: true, evict: first })
    flows.remove(first)
    add(flows, 'server', 4, 1_001)
    assert.deepEqual(flows.room('server', 1_011), { ok: true, evict: second })
  })

  test('a proved flow counts no longer among the unproved, and is never evicted', () => {
    const flows = table()
    for (let port = 1; port <= LIMITS.maxFlows; port++) {
      assert.deepEqual(flows.room('server', 0), { ok: true })
      confirm(flows, add(flows, 'server', port))
    }
    assert.equal(flows.size, LIMITS.maxFlows)
    assert.deepEqual(flows.room('server', 60_000), { ok: false })
    assert.deepEqual(flows.room('client', 60_000), { ok: false })
  })

  test('a dial evicts an unproved flow when the table is full', () => {
    const flows = table()
    const unproved = add(flows, 'server', 1)
    for (let port = 2; port <= LIMITS.maxFlows; port++) add(flows, 'client', port)
    assert.deepEqual(flows.room('client', 1_000), { ok: false })
    assert.deepEqual(flows.room('client', 1_001), { ok: true, evict: unproved })
  })

  test('a flow that was removed, even twice, gives its place back once', () => {
    const flows = table()
    const flow = add(flows, 'server', 1)
    for (let port = 2; port <= LIMITS.maxUnconfirmed; port++) add(flows, 'server', port)
    flows.remove(flow)
    flows.remove(flow)
    assert.deepEqual(flows.room('server', 0), { ok: true })
    add(flows, 'server', 9)
    assert.deepEqual(flows.room('server', 0), { ok: false })
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

  test('a flow that two use lives until both are done', () => {
    const flows = table()
    const flow = add(flows, 'client')
    flows.retain(flow)
    flows.retain(flow)
    assert.equal(flows.release(flow, 0), false)
    assert.deepEqual(expired(flows, 60_000), [])
    assert.equal(flows.release(flow, 60_000), true)
    assert.deepEqual(expired(flows, 61_000), ['client'])
  })

  test('a peer that dials again while its flow lingers has the time of a new flow to prove itself', () => {
    const flows = table()
    const flow = add(flows, 'server')
    confirm(flows, flow)
    flows.release(flow, 100_000)
    flows.received(flow, short(SERVER_ID), 100_100)
    assert.deepEqual(expired(flows, 101_000), ['server'])
    flows.received(flow, initial({ to: OTHER_ID }), 100_200)
    assert.deepEqual(expired(flows, 108_200), [])
    assert.deepEqual(expired(flows, 108_201), ['server'])
    flows.sent(flow, initial({ from: CLIENT_ID }), 100_300)
    flows.received(flow, handshake({ to: CLIENT_ID }), 100_400)
    assert.deepEqual(expired(flows, 190_000), [])
  })

  test("a link's released flow is not opened again: nobody knows of it any more", () => {
    const flows = table()
    const link = addLink(flows, 'server')
    flows.release(link, 0)
    flows.received(link, initial(), 500)
    assert.deepEqual([...flows.expired(999)], [])
    assert.deepEqual([...flows.expired(1_000)], [link])
  })

  test('a released flow of our client is not opened again by what comes in', () => {
    const flows = table()
    const flow = add(flows, 'client')
    flows.release(flow, 0)
    flows.received(flow, initial({ to: OTHER_ID }), 500)
    assert.deepEqual(expired(flows, 1_000), ['client'])
  })

  test('a handshake that our server has finished proves the address', () => {
    const flows = table()
    flows.retain(add(flows, 'server'))
    assert.deepEqual(expired(flows, 60_000), [])
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

describe('paths', () => {
  test('a flow takes packets from every path that it is admitted on, until that is dismissed', () => {
    const flows = table()
    const flow = add(flows, 'server')
    assert.equal(flows.admit(flow, udp(2), 2), true)
    assert.equal(flows.admit(flow, udp(3, 2), 3), true)
    assert.equal(flows.admit(flow, { kind: 'pipe', pipe: 7 }, undefined), true)
    assert.equal(flows.admitted, 4)
    for (const [socket, key] of [
      [SOCKET, 1],
      [SOCKET, 2],
      [2, 3]
    ] as const) {
      assert.equal(only(flows, socket, key)?.flow, flow)
    }
    assert.equal(flows.byPipe(7)?.flow, flow)
    flows.dismiss(flow, udp(1))
    flows.dismiss(flow, udp(1))
    flows.dismiss(flow, { kind: 'pipe', pipe: 7 })
    assert.deepEqual(
      [only(flows, SOCKET, 1), only(flows, SOCKET, 2)?.flow, flows.byPipe(7), flows.admitted],
      [undefined, flow, undefined, 2]
    )
    flows.remove(flow)
    assert.deepEqual([only(flows, SOCKET, 2), only(flows, 2, 3), flows.admitted], [undefined, undefined, 0])
  })

  test('twice is once', () => {
    const flows = table()
    const flow = add(flows, 'client')
    assert.deepEqual([flows.admit(flow, udp(1), 1), flows.admit(flow, udp(1), 1), flows.admitted], [true, true, 1])
    flows.dismiss(flow, udp(1))
    assert.deepEqual([only(flows, SOCKET, 1), flows.admitted], [undefined, 0])
  })

  test('several flows may have one address, ten of them; when one goes the others stay', () => {
    const flows = table({ ...LIMITS, maxFlows: 20 })
    const all = Array.from({ length: 12 }, (_, i) => add(flows, 'client', i + 1))
    const admitted = all.map(flow => flows.admit(flow, udp(99), 99))
    assert.deepEqual(admitted, [...Array<boolean>(10).fill(true), false, false])
    assert.equal(only(flows, SOCKET, 99), undefined)
    for (const flow of all.slice(1, 10)) flows.dismiss(flow, udp(99))
    assert.equal(only(flows, SOCKET, 99)?.flow, all[0])
    flows.remove(all[0]!)
    assert.equal(flows.at(SOCKET, 99).length > 0, false)
  })

  test('however many have an address that nobody has answered for, there is room for those that were answered, and they stay', () => {
    const flows = table({ ...LIMITS, maxFlows: 40 })
    const forged = Array.from({ length: 20 }, (_, i) => add(flows, 'client', i + 1))
    const admitted = forged.map(flow => flows.admit(flow, udp(99), 99, false))
    assert.equal(admitted.filter(Boolean).length, 8)
    const plain = add(flows, 'server', 99)
    const links = Array.from({ length: 10 }, (_, i) => add(flows, 'client', 101 + i))
    assert.deepEqual(
      links.map(flow => flows.admit(flow, udp(99), 99)),
      [...Array<boolean>(9).fill(true), false]
    )
    // nor do they get a validated one's place
    assert.equal(flows.admit(forged[0]!, udp(99), 99), false)
    flows.dismiss(links[0]!, udp(99))
    assert.equal(flows.admit(forged[0]!, udp(99), 99), true)
    assert.equal(flows.at(SOCKET, 99).length, 7 + 1 + 8 + 1)
    assert.equal(
      flows.at(SOCKET, 99).some(({ flow }) => flow === plain),
      true
    )
    // a place among those that nobody has answered for is free again
    assert.equal(flows.admit(forged[19]!, udp(99), 99, false), true)
  })

  test('a path that was answered stays so, and a pipe is', () => {
    const flows = table()
    const flow = add(flows, 'client')
    for (const validated of [true, false]) assert.equal(flows.admit(flow, udp(2), 2, validated), true)
    for (const validated of [false, true])
      assert.equal(flows.admit(flow, { kind: 'pipe', pipe: 7 }, undefined, validated), true)
    assert.deepEqual(
      flow.paths.map(({ validated }) => validated),
      [true, true, true]
    )
  })

  test('new connections share a flow of their role, and never a link’s', () => {
    const flows = table()
    const link = addLink(flows, 'client')
    assert.equal(flows.shared(SOCKET, 1, 'client'), undefined)
    const flow = add(flows, 'client')
    assert.deepEqual([flows.shared(SOCKET, 1, 'client'), flows.shared(SOCKET, 1, 'server')], [flow, undefined])
    flows.remove(link)
    assert.equal(flows.shared(SOCKET, 1, 'client'), flow)
  })

  test('a pipe carries one flow, whatever its role', () => {
    const flows = table()
    const pipe = { kind: 'pipe', pipe: 7 } as const
    const [client, server] = [add(flows, 'client', 1), add(flows, 'server', 2)]
    assert.deepEqual([flows.admit(client, pipe, undefined), flows.admit(server, pipe, undefined)], [true, false])
  })

  test('so many paths and no more, until one goes', () => {
    const flows = table()
    const flow = add(flows, 'client')
    let port = 1
    while (port < 1_000 && flows.admit(flow, udp(port + 1), port + 1)) port++
    assert.deepEqual([port, flows.admitted], [56, 56])
    flows.dismiss(flow, udp(1))
    assert.equal(flows.admit(flow, udp(99), 99), true)
  })
})
