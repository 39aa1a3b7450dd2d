import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { AllowPrivate } from '../../src/core/ip.ts'
import { seededRandom } from '../../src/core/random.ts'
import { waysTo } from '../../src/node/record-addresses.ts'

const BOB = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'
const SELF = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const HUB = '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu'
/** Relays whose ids are those of nobody. */
const RELAYS = [
  'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
  'QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  'QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
  'QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  'QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt'
]
const [R1, R2] = RELAYS as [string, string]

const circuit = (relay: string, at = '/ip4/9.9.9.9/udp/4001/quic-v1') => `${at}/p2p/${relay}/p2p-circuit`

function ways(addresses: readonly string[], allowPrivate: AllowPrivate = false, isOnThisMachine = false) {
  const { relayed, direct } = waysTo(
    { peer: peerIdFromString(BOB), addresses: addresses.map(each => multiaddr(each)) },
    {
      id: peerIdFromString(SELF),
      addresses: [multiaddr('/ip4/8.8.8.8/udp/77/quic-v1'), multiaddr(circuit(HUB))],
      hubs: new Set([HUB]),
      allowPrivate,
      isOnThisMachine
    }
  )
  const texts = { relayed: relayed.map(String), direct: direct.map(String) }
  assert.ok(texts.relayed.every(each => each.endsWith(`/p2p-circuit/p2p/${BOB}`)))
  assert.ok(texts.direct.every(each => each.endsWith(`/p2p/${BOB}`)))
  return {
    relayed: texts.relayed.map(each => each.slice(0, -`/p2p/${BOB}`.length)),
    direct: texts.direct.map(each => each.slice(0, -`/p2p/${BOB}`.length))
  }
}

describe('an address by a relay is', () => {
  for (const [what, address, isTaken, allowPrivate] of [
    ['dialled', circuit(R1), true],
    ['not dialled by a hub of ours, by which that is done already', circuit(HUB), false],
    ['not dialled by ourselves', circuit(SELF), false],
    ['not dialled by the peer itself', circuit(BOB), false],
    ['not dialled at a private address', circuit(R1, '/ip4/192.168.1.1/udp/1/quic-v1'), false],
    ['dialled at a private address where that is allowed', circuit(R1, '/ip4/10.1.1.1/tcp/1'), true, 'network'],
    ['not dialled at loopback there', circuit(R1, '/ip4/127.0.0.1/tcp/1'), false, 'network'],
    ['not dialled at multicast addresses', circuit(R1, '/ip4/224.0.0.1/udp/1/quic-v1'), false, true],
    ['not dialled by name, which may mean any address', circuit(R1, '/dns4/hub.example/tcp/443/wss'), false, true],
    ['not dialled at our own address', circuit(R1, '/ip4/8.8.8.8/udp/77/quic-v1'), false],
    ['not dialled at port 0', circuit(R1, '/ip4/9.9.9.9/tcp/0'), false],
    ['not dialled by a relay of a relay', `${circuit(R1)}/p2p/${R2}/p2p-circuit`, false],
    ["not dialled by a relay's relay", `${circuit(R1)}/p2p/${R2}`, false],
    ['not dialled by a relay without a name', '/ip4/9.9.9.9/tcp/1/p2p-circuit', false],
    ['not dialled by nothing', '/p2p-circuit', false],
    ['not dialled by two names', `/ip4/9.9.9.9/tcp/1/p2p/${R1}/p2p/${R2}/p2p-circuit`, false]
  ] as const) {
    it(what, () => {
      assert.deepEqual(ways([address], allowPrivate ?? false), { relayed: isTaken ? [address] : [], direct: [] })
    })
  }

  it('dialled at loopback where all our hubs are there, and a direct one is not', () => {
    const here = '/ip4/127.0.0.1/udp/1/quic-v1'
    const near = '/ip4/192.168.1.1/udp/1/quic-v1'
    assert.deepEqual(ways([circuit(R1, here), here, circuit(R2, near), near], false, true), {
      relayed: [circuit(R1, here)],
      direct: []
    })
  })

  it('dialled without the peer behind it, too', () => {
    assert.deepEqual(ways([`${circuit(R1)}/p2p/${BOB}`]).relayed, [circuit(R1)])
  })
})

describe('a direct address is', () => {
  for (const [what, address, isTaken, allowPrivate] of [
    ['dialled', '/ip4/9.9.9.9/udp/1/quic-v1', true],
    ['dialled over TCP and IPv6', '/ip6/2606:4700::1/tcp/1', true],
    ['not dialled when it is private', '/ip4/10.0.0.1/tcp/1', false],
    ['dialled when it is private, and that is allowed', '/ip4/10.0.0.1/tcp/1', true, 'network'],
    ['not dialled when it is our own', '/ip4/8.8.8.8/udp/77/quic-v1', false],
    ['dialled when only the port is', '/ip4/8.8.8.8/tcp/77', true],
    ["not dialled when it is somebody else's", `/ip4/9.9.9.9/tcp/1/p2p/${R1}`, false],
    ['not dialled by name', '/dns4/bob.example/tcp/1', false, true]
  ] as const) {
    it(what, () => {
      assert.deepEqual(ways([address], allowPrivate ?? false), { relayed: [], direct: isTaken ? [address] : [] })
    })
  }

  it('dialled with the peer behind it, too', () => {
    assert.deepEqual(ways([`/ip4/9.9.9.9/tcp/1/p2p/${BOB}`]).direct, ['/ip4/9.9.9.9/tcp/1'])
  })
})

it('four relays have their turn, one address of each, then the next, QUIC first, four of each', () => {
  const all = RELAYS.flatMap(relay =>
    [1, 2, 3, 4, 5].map(port => circuit(relay, port === 5 ? '/ip4/9.9.9.9/udp/5/quic-v1' : `/ip4/9.9.9.9/tcp/${port}`))
  )
  const { relayed } = ways(all)
  const expected = ['/ip4/9.9.9.9/udp/5/quic-v1', ...[1, 2, 3].map(port => `/ip4/9.9.9.9/tcp/${port}`)]
  assert.deepEqual(
    relayed,
    expected.flatMap(at => RELAYS.slice(0, 4).map(relay => circuit(relay, at)))
  )
})

it('four direct addresses, QUIC first', () => {
  const tcp = [1, 2, 3, 4, 5].map(port => `/ip4/9.9.9.9/tcp/${port}`)
  const { direct } = ways([...tcp, '/ip4/9.9.9.9/udp/6/quic-v1'])
  assert.deepEqual(direct, ['/ip4/9.9.9.9/udp/6/quic-v1', ...tcp.slice(0, 3)])
})

describe('bytes of which no text can be made that says the same are passed over:', () => {
  const own = {
    id: peerIdFromString(SELF),
    addresses: [],
    hubs: new Set<string>(),
    allowPrivate: true,
    isOnThisMachine: false
  } as const
  for (const [what, bytes] of [
    ['a name that is cut off', '3603'],
    ['a name of a byte that ends texts', '3603612e00'],
    ['a name with a slash in it', '3603612f62'],
    ['a network without a size', '0401020300 2b'],
    ['a path with a slash and a protocol in it', '890603 312f63 060001']
  ] as const) {
    it(what, () => {
      const address = multiaddr(Buffer.from(bytes.replaceAll(' ', ''), 'hex'))
      const sane = multiaddr('/ip4/9.9.9.9/tcp/1')
      const { relayed, direct } = waysTo({ peer: peerIdFromString(BOB), addresses: [address, sane] }, own)
      assert.deepEqual([relayed.map(String), direct.map(String)], [[], [`${sane}/p2p/${BOB}`]])
    })
  }

  it('whatever a stranger makes up', () => {
    const random = seededRandom(7)
    const seeds = [circuit(R1), '/dns4/a.b/tcp/3/ws', '/ip6zone/x/ip6/fe80::1/tcp/1', '/memory/1', '/sni/a.b'].map(
      each => multiaddr(each).bytes
    )
    let taken = 0
    for (let run = 0; run < 1_000; run++) {
      const pick = () => seeds[random.int(0, seeds.length - 1)]!
      const bytes = Buffer.concat([pick(), ...(run % 2 === 0 ? [pick()] : [])])
      for (let change = run % 4; change > 0; change--) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
      const address = read(new Uint8Array(bytes))
      if (address == null) continue
      taken++
      waysTo({ peer: peerIdFromString(BOB), addresses: [address] }, own)
    }
    assert.ok(taken > 100, `${taken}`)
  })
})

function read(bytes: Uint8Array) {
  try {
    return multiaddr(bytes)
  } catch {
    return undefined
  }
}
