import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Lab, openLab } from '../../lab/lab.ts'
import { movedNode } from '../../lab/move.ts'
import { planLab } from '../../lab/plan.ts'
import type { LabSpec } from '../../lab/spec.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
const SILENCE_MS = 250
const easy = { mapping: 'endpoint-independent' } as const

const SITES: LabSpec = {
  hub: { ipv6: true },
  natA: easy,
  natB: easy,
  firewall: { mapping: 'none' },
  alice: { behind: 'natA', ipv6: true },
  bob: { behind: 'natB', ipv6: true },
  carol: { behind: 'natA', addresses: 2 }
}

interface Row {
  readonly host: string
  readonly behind: string | undefined
  readonly ips: readonly string[]
  readonly ip6: string | undefined
  readonly publicIp: string
}

const ROWS: readonly Row[] = [
  { host: 'alice', behind: 'natB', ips: ['192.168.3.11'], ip6: '2a0b:beef:3:1::11', publicIp: '11.3.0.10' },
  // where it is already: the address that it had
  { host: 'alice', behind: 'natA', ips: ['192.168.2.10'], ip6: '2a0b:beef:2:1::10', publicIp: '11.2.0.10' },
  // a router without IPv6
  { host: 'alice', behind: 'firewall', ips: ['11.4.1.10'], ip6: undefined, publicIp: '11.4.1.10' },
  { host: 'alice', behind: undefined, ips: ['11.5.0.10'], ip6: '2a0b:beef:5::10', publicIp: '11.5.0.10' },
  { host: 'bob', behind: 'natA', ips: ['192.168.2.13'], ip6: '2a0b:beef:2:1::13', publicIp: '11.2.0.10' },
  { host: 'carol', behind: 'natB', ips: ['192.168.3.11', '192.168.3.12'], ip6: undefined, publicIp: '11.3.0.10' }
]
for (const { host, behind, ...expected } of ROWS) {
  test(`${host} moves ${behind === undefined ? 'to the internet' : `behind ${behind}`}: ${expected.ips.join(', ')}`, () => {
    const { ips, ip6, publicIp } = movedNode(planLab(SITES), host, behind)
    assert.deepEqual({ ips, ip6, publicIp }, expected)
  })
}

test('only hosts move, and only behind routers', () => {
  assert.throws(() => movedNode(planLab(SITES), 'natA', 'natB'), /'natA' is not a host/)
  assert.throws(() => movedNode(planLab(SITES), 'nobody', 'natB'), /'nobody' is not a host/)
  assert.throws(() => movedNode(planLab(SITES), 'alice', 'bob'), /'bob' is not a router/)
})

/** The addresses that a host's own kernel tells. */
async function addresses(lab: Lab, host: string): Promise<string[]> {
  const { stdout } = await lab.exec(host, ['ip', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'global'])
  return [...stdout.matchAll(/inet6? ([^/]+)\//g)].map(([, ip]) => ip!)
}

describe('a host moves while its programs run', { skip: NO_LAB }, () => {
  for (const link of [undefined, { delayMs: 5 }]) {
    test(`from network to network${link ? ', with a shaped link of its own' : ''}: new addresses, the same sockets`, async () => {
      const { alice, bob, ...others } = SITES
      await using lab = await openLab({ ...others, alice: { ...alice!, ...(link && { link }) }, bob: bob! })
      const hub = lab.host('hub')
      await UdpPeer.open(lab, 'hub', PORT)
      const socket = await UdpPeer.open(lab, 'alice', 5000)
      assert.equal(await socket.seenBy(hub.ip, PORT), `${lab.host('natA').ip}:5000`)
      for (const behind of ['natB', 'firewall', undefined, 'natA']) {
        await lab.move('alice', behind)
        const { ips, ip6, publicIp } = lab.host('alice')
        assert.equal(lab.host('alice').behind, behind)
        assert.deepEqual(await addresses(lab, 'alice'), [...ips, ...(ip6 ? [ip6] : [])])
        assert.equal(await socket.seenBy(hub.ip, PORT), `${publicIp}:5000`, `behind ${behind}`)
        const { code, stdout } = await lab.exec('alice', ['ping', '-6', '-c', '1', '-W', '2', hub.ip6!])
        assert.equal(code === 0, ip6 !== undefined, stdout)
      }
    })
  }

  test('its new neighbours reach it, its old ones do not', async () => {
    await using lab = await openLab(SITES)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const [bob, carol] = [await UdpPeer.open(lab, 'bob', 5000), await UdpPeer.open(lab, 'carol', 5000)]
    const before = lab.host('alice').ip
    carol.send(before, 5000, 'before')
    assert.ok(await alice.hears('before'))
    await lab.move('alice', 'natB')
    bob.send(lab.host('alice').ip, 5000, 'after')
    assert.ok(await alice.hears('after'))
    carol.send(before, 5000, 'nobody is there')
    assert.equal(await alice.hears('nobody is there', SILENCE_MS), undefined)
  })

  test('two at the same time, behind one router, and back', async () => {
    await using lab = await openLab(SITES)
    for (const behind of ['firewall', 'natA']) {
      await Promise.all(['alice', 'bob'].map(host => lab.move(host, behind)))
      const hosts = ['alice', 'bob'].map(host => lab.host(host))
      assert.deepEqual(new Set(hosts.map(host => host.behind)), new Set([behind]))
      assert.equal(new Set(hosts.map(({ ip }) => ip)).size, 2)
      for (const { name, ips } of hosts) assert.deepEqual((await addresses(lab, name)).slice(0, 1), ips)
    }
  })

  test('behind a router of the other engine', { skip: NO_SIM_ROUTER }, async () => {
    await using lab = await openLab({
      hub: {},
      natA: easy,
      natB: { ...easy, allocation: 'sequential' },
      alice: { behind: 'natA' }
    })
    await UdpPeer.open(lab, 'hub', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    await lab.move('alice', 'natB')
    assert.match((await alice.seenBy(lab.host('hub').ip, PORT)) ?? '', new RegExp(`^${lab.host('natB').ip}:`))
  })

  test('unplugged it has neither address nor route, until it is plugged in again', async () => {
    await using lab = await openLab(SITES)
    const hub = lab.host('hub').ip
    await UdpPeer.open(lab, 'hub', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    await lab.unplug('alice')
    assert.deepEqual(await addresses(lab, 'alice'), [])
    assert.equal(await alice.seenBy(hub, PORT, SILENCE_MS), undefined)
    const { stderr } = await lab.exec('alice', ['ip', 'route', 'get', hub])
    assert.match(stderr, /Network is unreachable/)
    await lab.move('alice', 'natA')
    assert.equal(await alice.seenBy(hub, PORT), `${lab.host('natA').ip}:5000`)
    await assert.rejects(lab.unplug('natA'), /'natA' is a router/)
  })
})

describe('two sites that are apart', { skip: NO_LAB }, () => {
  test('hear nothing of each other, and everything from others', async () => {
    await using lab = await openLab(SITES)
    const hub = lab.host('hub').ip
    const [a, b] = [lab.host('natA').ip, lab.host('natB').ip]
    await UdpPeer.open(lab, 'hub', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const bob = await UdpPeer.open(lab, 'bob', 5000)
    const punched = async (text: string, withinMs?: number) => {
      alice.send(b, 5000, `${text} opens`)
      // it has left by then: what came before it would find alice's NAT shut
      await alice.seenBy(hub, PORT)
      bob.send(a, 5000, `${text} there`)
      const there = await alice.hears(`${text} there`, withinMs)
      alice.send(b, 5000, `${text} and back`)
      return there != null && (await bob.hears(`${text} and back`, withinMs)) != null
    }
    assert.equal(await punched('one'), true)
    await lab.setApart('natA', 'natB', true)
    assert.equal(await punched('two', SILENCE_MS), false)
    assert.ok(await alice.seenBy(hub, PORT))
    assert.ok(await bob.seenBy(hub, PORT))
    await lab.setApart('natB', 'natA', false)
    assert.equal(await punched('three'), true)
    await assert.rejects(lab.setApart('alice', 'natB', true), /'alice' is behind 'natA'/)
  })
})
