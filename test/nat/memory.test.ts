import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Gateway, InterfaceAddress } from '../../src/core/net.ts'
import { examine } from '../../src/nat/examine.ts'
import { NetworkMemory, networkKey } from '../../src/nat/memory.ts'
import type { NetworkReport } from '../../src/nat/report.ts'
import { createSim } from '../../src/sim/index.ts'
import { stunServer } from './stun-server.ts'

const lo: InterfaceAddress = { name: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8 }
const wifi: InterfaceAddress = { name: 'wlan0', family: 4, address: '192.168.1.7', prefixLength: 24 }
const six: InterfaceAddress = { name: 'wlan0', family: 6, address: '2001:db8:1:2:aaaa::1', prefixLength: 64 }
const router: Gateway = { family: 4, address: '192.168.1.1', interface: 'wlan0' }
const key = networkKey([lo, wifi, six], [router])

describe('which network it is', () => {
  const same: [string, string][] = [
    ['another order', networkKey([six, lo, wifi], [router])],
    ['another privacy address', networkKey([lo, wifi, { ...six, address: '2001:db8:1:2:bbbb::2' }], [router])],
    ['one more of them', networkKey([lo, wifi, six, { ...six, address: '2001:DB8:1:2::3' }], [router])],
    ['a link-local address', networkKey([lo, wifi, six, { ...six, address: 'fe80::1%wlan0' }], [router])]
  ]
  for (const [about, other] of same) test(`the same: ${about}`, () => assert.equal(other, key))

  const changed: [string, string][] = [
    ['another address', networkKey([lo, { ...wifi, address: '192.168.1.8' }, six], [router])],
    ['another interface', networkKey([lo, { ...wifi, name: 'eth0' }, six], [router])],
    ['another router', networkKey([lo, wifi, six], [{ ...router, address: '192.168.1.254' }])],
    ['no router', networkKey([lo, wifi, six], [])],
    ['another prefix', networkKey([lo, wifi, { ...six, address: '2001:db8:1:3:aaaa::1' }], [router])],
    ['no IPv6', networkKey([lo, wifi], [router])]
  ]
  for (const [about, other] of changed) test(`another one: ${about}`, () => assert.notEqual(other, key))
})

describe('what is remembered', () => {
  async function report(): Promise<NetworkReport> {
    using sim = createSim({ hub: {}, nat: { mapping: 'endpoint-independent' }, alice: { behind: 'nat' } })
    await stunServer(sim.host('hub'))
    const found = await sim.run(
      examine({ host: sim.host('alice'), servers: [{ address: sim.host('hub').ip, port: 4001 }] })
    )
    return { ...found, hubs: [], reachability: 'unknown' } as unknown as NetworkReport
  }

  test('a report, until the public address is another one', async () => {
    const [memory, known] = [new NetworkMemory(), await report()]
    assert.equal(memory.recall('home'), undefined)
    memory.keep('home', known)
    assert.equal(memory.recall('home'), known)
    assert.equal(memory.recall('home', '11.2.0.10'), known)
    assert.equal(memory.recall('work'), undefined)
    assert.equal(memory.recall('home', '11.9.9.9'), undefined)
    assert.equal(memory.recall('home'), undefined, 'it is forgotten')
  })

  test('the last eight networks', async () => {
    const [memory, known] = [new NetworkMemory(), await report()]
    for (let i = 0; i < 8; i++) memory.keep(`network ${i}`, known)
    memory.recall('network 0')
    memory.keep('one more', known)
    assert.deepEqual(
      ['network 0', 'network 1', 'network 2', 'one more'].map(name => memory.recall(name) != null),
      [true, false, true, true]
    )
  })
})
