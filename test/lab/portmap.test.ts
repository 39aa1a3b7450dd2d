import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Lab, openLab } from '../../lab/lab.ts'
import { LEASE } from '../../src/portmap/lease.ts'
import { Miniupnpd, type MiniupnpdOptions, NO_MINIUPNPD } from './miniupnpd.ts'
import { MapperPeer } from './portmap-peer.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
/** How long to wait for what must not come. */
const SILENCE_MS = 250

/** On port 5351 PCP is lost, NAT-PMP is not: the version is the first byte behind UDP's header. */
const NO_PCP = 'insert rule inet lab input iifname "lan" udp dport 5351 @th,64,8 2 drop\n'
const NO_PORT_CONTROL = 'insert rule inet lab input iifname "lan" udp dport 5351 drop\n'

/** A router that nobody gets through, with miniupnpd in it, and a mapper behind it. */
async function open(t: TestContext, { server = {}, rules = '', families = [4] }: Opening = {}) {
  const lab = await openLab({
    out: { ipv6: true },
    nat: { mapping: 'address-and-port-dependent' },
    alice: { behind: 'nat', ipv6: true },
    bob: { behind: 'nat', ipv6: true }
  })
  t.after(() => lab.close())
  if (rules !== '') assert.equal((await lab.exec('nat', ['nft', '-f', '-'], { input: rules })).stderr, '')
  const router = await Miniupnpd.start(lab, 'nat', server)
  t.after(() => router[Symbol.asyncDispose]())
  const alice = await MapperPeer.open(lab, 'alice', families)
  const inside = await UdpPeer.open(lab, 'alice', PORT, families.includes(6) ? '::' : '0.0.0.0')
  return { lab, router, alice, inside }
}

interface Opening {
  readonly server?: MiniupnpdOptions
  /** For the router's own firewall. */
  readonly rules?: string
  readonly families?: readonly (4 | 6)[]
}

/** Whether what a stranger sends to an endpoint outside arrives at a socket inside. A new socket each time, so that no flow helps. */
async function isReached(lab: Lab, inside: UdpPeer, address: string, port: number): Promise<boolean> {
  const stranger = await UdpPeer.open(lab, 'out', 0, address.includes(':') ? '::' : '0.0.0.0')
  const text = `hello ${stranger.port}`
  stranger.send(address, port, text)
  return (await inside.hears(text, SILENCE_MS)) !== undefined
}

describe('port mapping by miniupnpd', { skip: NO_MINIUPNPD, concurrency: 2 }, () => {
  for (const [by, opening] of [
    ['pcp', {}],
    ['nat-pmp', { rules: NO_PCP, server: { upnp: false } }],
    ['upnp', { server: { natPmp: false } }],
    ['upnp', { server: { natPmp: false, version1: true } }]
  ] as const satisfies readonly (readonly [string, Opening])[]) {
    test(`by ${by}, with ${JSON.stringify(opening.server ?? {})}: mapped, again after a restart, deleted`, async t => {
      const { lab, router, alice, inside } = await open(t, opening)
      const nat = lab.host('nat').ip
      assert.equal(await isReached(lab, inside, nat, PORT), false)
      alice.tell(`map udp ${PORT}`)
      const mapped = await alice.event('mapped')
      assert.deepEqual(
        [mapped['by'], mapped['external'], mapped['internal'], mapped['scope']],
        [by, { address: nat, port: PORT }, { address: lab.host('alice').ip, port: PORT }, 'public']
      )
      assert.ok(await isReached(lab, inside, nat, PORT))

      await router.restart()
      await alice.until(async () => (await router.mappings()).length === 1, 'the mapping is back')
      assert.ok(await isReached(lab, inside, nat, PORT))
      assert.equal(alice.events.filter(({ event }) => event !== 'ready').length, 1, 'no news for anybody')

      alice.tell('stop')
      await alice.event('stopped')
      assert.deepEqual(await router.mappings(), [])
      assert.equal(await isReached(lab, inside, nat, PORT), false)
    })
  }

  for (const [by, opening] of [
    ['pcp', {}],
    ['upnp', { rules: NO_PORT_CONTROL }]
  ] as const) {
    test(`a pinhole for IPv6 by ${by}, opened and closed`, async t => {
      const { lab, alice, inside } = await open(t, { ...opening, families: [6] })
      const address = lab.host('alice').ip6!
      assert.equal(await isReached(lab, inside, address, PORT), false)
      alice.tell(`map udp ${PORT}`)
      const mapped = await alice.event('mapped')
      assert.deepEqual([mapped['by'], mapped['external']], [by, { address, port: PORT }])
      assert.ok(await isReached(lab, inside, address, PORT))
      alice.tell('stop')
      await alice.event('stopped')
      assert.equal(await isReached(lab, inside, address, PORT), false)
    })
  }

  test('renewed at half of its life; what nobody renews, the router forgets', async t => {
    const lifeSeconds = LEASE.minSeconds
    const { router, alice } = await open(t, { server: { maxLifetimeSeconds: lifeSeconds } })
    alice.tell(`map udp ${PORT}`)
    assert.equal((await alice.event('mapped'))['lifetimeSeconds'], lifeSeconds)
    const endMs = performance.now() + (lifeSeconds + 5) * 1000
    while (performance.now() < endMs) {
      assert.equal((await router.mappings()).length, 1)
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    assert.equal(alice.events.length, 2)
    alice.kill()
    await alice.until(async () => (await router.mappings()).length === 0, 'the end', (lifeSeconds + 15) * 1000)
  })

  for (const [by, opening] of [
    ['pcp', {}],
    ['nat-pmp', { rules: NO_PCP, server: { upnp: false } }],
    ['upnp', { server: { natPmp: false } }],
    ['upnp', { server: { natPmp: false, version1: true } }]
  ] as const satisfies readonly (readonly [string, Opening])[]) {
    test(`conflict, by ${by} with ${JSON.stringify(opening.server ?? {})}: the second one gets another port`, async t => {
      const { lab, alice } = await open(t, opening)
      alice.tell(`map udp ${PORT}`)
      await alice.event('mapped')
      const bob = await MapperPeer.open(lab, 'bob', [4])
      const inside = await UdpPeer.open(lab, 'bob', PORT)
      bob.tell(`map udp ${PORT}`)
      const mapped = await bob.event('mapped')
      const { port } = mapped['external'] as { port: number }
      assert.equal(mapped['by'], by)
      assert.notEqual(port, PORT)
      assert.ok(await isReached(lab, inside, lab.host('nat').ip, port))
    })
  }

  for (const [by, opening, reason] of [
    ['PCP', { server: { upnp: false } }, 'disabled'],
    ['NAT-PMP', { rules: NO_PCP, server: { upnp: false } }, 'disabled'],
    ['UPnP', { server: { natPmp: false } }, 'disabled'],
    ['UPnP, version 1', { server: { natPmp: false, version1: true } }, 'disabled']
  ] as const satisfies readonly (readonly [string, Opening, string])[]) {
    test(`permission rules refuse by ${by}: ${reason}`, async t => {
      const rules = ['deny 0-65535 0.0.0.0/0 0-65535']
      const { alice } = await open(t, { ...opening, server: { ...opening.server, rules } })
      alice.tell(`map udp ${PORT}`)
      assert.equal((await alice.event('failed'))['reason'], reason)
    })
  }

  test('a router behind another NAT: this one refuses, unless it was told an address', async t => {
    const lab = await openLab({
      carrier: { mapping: 'endpoint-independent' },
      nat: { mapping: 'endpoint-independent', behind: 'carrier' },
      alice: { behind: 'nat' }
    })
    t.after(() => lab.close())
    const router = await Miniupnpd.start(lab, 'nat')
    t.after(() => router[Symbol.asyncDispose]())
    const alice = await MapperPeer.open(lab, 'alice', [4])
    alice.tell(`map udp ${PORT}`)
    assert.equal((await alice.event('failed'))['reason'], 'no-resources')
    await router.restart({ externalIp: '11.1.0.10' })
    assert.deepEqual((await alice.event('mapped'))['external'], { address: '11.1.0.10', port: PORT })
  })

  test('the probe: all three protocols, quickly, and nothing left behind', async t => {
    const { lab, router, alice } = await open(t)
    alice.tell('probe')
    const { pcp, natPmp, upnp, ms } = await alice.event('probed')
    const ok = { ok: true, gateway: lab.host('nat').lan!.ip, external: lab.host('nat').ip, reason: null }
    assert.deepEqual([pcp, natPmp, upnp], [ok, ok, ok])
    t.diagnostic(`${Math.round(Number(ms))} ms`)
    assert.deepEqual(await router.mappings(), [])
  })
})
