import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import type { FlowPath } from '../../src/socket/flow.ts'
import { addressed, route } from '../../src/socket/route.ts'
import { add, addLink, CLIENT_ID, OTHER_ID, only, SERVER_ID, SOCKET, table } from './flow-table.ts'
import { handshake, initial, short } from './packets.ts'

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
  const namesOf = (entries: readonly FlowPath<string>[]) => entries.map(({ flow }) => flow.handle).join(' and ')
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
      ['a short header to another id', 'client and server'],
      ['eight bytes', 'client and server'],
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
          const found = route(flows.at(SOCKET, 1), packets[packet], listening)
          if ('to' in found) assert.equal(namesOf(found.to), expected)
          else assert.equal(Object.entries(found).flat().join(' '), expected)
        })
      }
    }
  }

  for (const [state, packet, expected] of [
    ['a link that our client dialled', initial({ to: OTHER_ID }), 'open server'],
    ['a link that our client dialled', handshake({ to: OTHER_ID }), 'link client'],
    ['a link that our client dialled', short(OTHER_ID), 'link client'],
    ['a link that our client dialled, our client', short(CLIENT_ID), 'link client'],
    ['a link that our client dialled, our client', short(OTHER_ID), 'link client and client'],
    ['a link on its way to our server', initial({ to: OTHER_ID }), 'link server'],
    ['a link on its way to our server', handshake({ to: OTHER_ID }), 'link server'],
    ['a link that our server has accepted', initial({ to: OTHER_ID }), 'open server'],
    ['a link that our server has accepted', handshake({ to: OTHER_ID }), 'link server'],
    ['a link that our server has accepted', short(OTHER_ID), 'link server'],
    ['a link that our server has accepted, our server', initial({ to: OTHER_ID }), 'server'],
    ['a link that our server has accepted, our server', initial({ to: SERVER_ID }), 'link server'],
    ['a link that our server has accepted, our server', handshake({ to: SERVER_ID }), 'link server'],
    ['a link that our server has accepted, our server', short(SERVER_ID), 'link server'],
    ['a link that our server has accepted, our server', short(OTHER_ID), 'link server and server'],
    ['links of both sides: our client dialled, our server has accepted', short(CLIENT_ID), 'link client'],
    ['links of both sides: our client dialled, our server has accepted', short(SERVER_ID), 'link server'],
    ['links of both sides: our client dialled, our server has accepted', short(OTHER_ID), 'link client and link server']
  ] as const) {
    test(`${state}: ${packet.length} bytes of ${packet[0]!.toString(16)} to ${packet.subarray(1, 9).toString('hex')} -> ${expected}`, () => {
      const flows = table()
      if (state.includes('link')) {
        if (state.includes('client dialled')) addLink(flows, 'client')
        if (state.includes('our server')) addLink(flows, 'server').accepted = state.includes('accepted')
      }
      if (state.endsWith(', our client')) add(flows, 'client')
      if (state.endsWith(', our server')) add(flows, 'server')
      const found = route(flows.at(SOCKET, 1), packet, true)
      assert.equal('to' in found ? namesOf(found.to) : Object.entries(found).flat().join(' '), expected)
    })
  }

  test('another port, another socket: another peer', () => {
    const flows = table()
    add(flows, 'server')
    assert.deepEqual(route(flows.at(SOCKET, 2), short(OTHER_ID), true), { drop: 'unknown' })
    assert.deepEqual(route(flows.at(SOCKET + 1, 1), short(OTHER_ID), true), { drop: 'unknown' })
  })

  test('the only flow from an address is found without looking at the packet; of two, none is', () => {
    const flows = table()
    assert.equal(only(flows, SOCKET, 1), undefined)
    const client = add(flows, 'client')
    assert.equal(only(flows, SOCKET, 1)?.flow, client)
    const server = add(flows, 'server')
    assert.equal(only(flows, SOCKET, 1), undefined)
    flows.remove(client)
    assert.equal(only(flows, SOCKET, 1)?.flow, server)
  })

  test('of two at one address, the one that a short header is addressed to is found by the id', () => {
    const flows = table()
    const [client, server] = [addLink(flows, 'client'), addLink(flows, 'server')]
    const found = (bytes: Buffer, port = 1) => addressed(flows.at(SOCKET, port), bytes)?.flow
    assert.deepEqual(
      [found(short(CLIENT_ID)), found(short(SERVER_ID)), found(short(OTHER_ID)), found(short(CLIENT_ID), 2)],
      [client, server, undefined, undefined]
    )
    assert.equal(found(Buffer.alloc(8, 0xc1)), undefined)
  })
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
