import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import type { InterfaceAddress } from '../../../src/core/net.ts'
import { NEIGHBOURS, Neighbours } from '../../../src/libp2p/mdns/neighbours.ts'

const OWN: readonly InterfaceAddress[] = [
  { name: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8 },
  { name: 'eth0', family: 4, address: '192.168.2.10', prefixLength: 24 },
  { name: 'eth0', family: 4, address: '169.254.7.7', prefixLength: 16 },
  { name: 'eth0', family: 6, address: 'fe80::10%eth0', prefixLength: 64 },
  { name: 'eth0', family: 6, address: 'fd00:1::10', prefixLength: 64 },
  { name: 'eth1', family: 4, address: '11.2.0.10', prefixLength: 16 },
  { name: 'tun0', family: 4, address: '10.8.0.2', prefixLength: 0 }
]
const BOB = { address: '192.168.2.11', port: 4001 }

function lan() {
  const clock = new VirtualClock()
  const neighbours = new Neighbours({ clock, own: () => OWN })
  const changes: string[] = []
  neighbours.onChange(peer => changes.push(peer))
  return { clock, neighbours, changes }
}

describe('who is in our LAN', () => {
  it('is known by what it says, told once, and forgotten when it says no more', async () => {
    const { clock, neighbours, changes } = lan()
    neighbours.heard('bob', [BOB])
    await clock.advance(NEIGHBOURS.expireMs - 1)
    assert.deepEqual(neighbours.of('bob'), [BOB])
    neighbours.heard('bob', [BOB])
    await clock.advance(NEIGHBOURS.expireMs)
    assert.deepEqual([neighbours.of('bob'), neighbours.of('carol')], [[], []])
    assert.deepEqual(changes, ['bob'])
    neighbours.heard('bob', [BOB])
    assert.deepEqual(changes, ['bob', 'bob'])
  })

  const ADDRESSES: ReadonlyArray<readonly [about: string, address: string, port: number, taken: boolean]> = [
    ['in our network', '192.168.2.11', 4001, true],
    ['given to itself, for want of a server', '169.254.1.1', 4001, true],
    ['unique local, in our network', 'fd00:1::11', 4001, true],
    ['in another private network: behind our router, perhaps', '192.168.3.11', 4001, false],
    ['where a tunnel says that everything is', '10.0.0.1', 4001, false],
    ['unique local, in another network', 'fd00:2::11', 4001, false],
    ['public, although in our network', '11.2.0.11', 4001, false],
    ['link-local, on nobody knows which interface', 'fe80::11', 4001, false],
    ['loopback', '127.0.0.1', 4001, false],
    ['multicast', '224.0.0.251', 5353, false],
    ['our own', '192.168.2.10', 22, false],
    ['no address', 'printer.local', 4001, false],
    ['no port', '192.168.2.11', 0, false],
    ['too high a port', '192.168.2.11', 65_536, false]
  ]
  for (const [about, address, port, taken] of ADDRESSES) {
    it(`${taken ? 'may be' : 'is not'} at an address that is ${about}`, () => {
      const { neighbours, changes } = lan()
      neighbours.heard('bob', [{ address, port }])
      assert.deepEqual(neighbours.of('bob'), taken ? [{ address, port }] : [])
      assert.deepEqual([changes.length, neighbours.size], taken ? [1, 1] : [0, 0])
    })
  }

  it('has a few addresses, the latest ones', async () => {
    const { clock, neighbours } = lan()
    for (let i = 1; i <= 20; i++) {
      neighbours.heard('bob', [{ address: '192.168.2.11', port: i }])
      await clock.advance(100)
    }
    const ports = neighbours.of('bob').map(({ port }) => port)
    assert.deepEqual(ports, [20, 19, 18, 17, 16, 15, 14, 13])
    const many = Array.from({ length: 100 }, (_, i) => ({ address: '192.168.2.12', port: i + 1 }))
    neighbours.heard('carol', many)
    assert.equal(neighbours.of('carol').length, NEIGHBOURS.addresses)
  })

  it('is bounded, whoever invents peers: in number, and in how fast', async () => {
    const { clock, neighbours, changes } = lan()
    neighbours.heard('bob', [BOB])
    for (let i = 0; i < 100_000; i++) neighbours.heard(`nobody ${i}`, [BOB])
    assert.equal(changes.length, NEIGHBOURS.heard.burst)
    assert.equal(neighbours.size, NEIGHBOURS.peers)
    assert.deepEqual(neighbours.of('bob'), [BOB])
    await clock.advance(NEIGHBOURS.heard.refillMs)
    neighbours.heard('carol', [BOB])
    assert.deepEqual([neighbours.size, neighbours.of('carol')], [NEIGHBOURS.peers, [BOB]])
  })

  it('is nobody any more in another LAN', () => {
    const { neighbours } = lan()
    neighbours.heard('bob', [BOB])
    neighbours.forget()
    assert.deepEqual(neighbours.of('bob'), [])
  })
})
