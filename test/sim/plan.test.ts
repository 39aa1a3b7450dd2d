import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLab } from '../../lab/plan.ts'
import { PRESETS, preset } from '../../lab/presets.ts'
import type { LabSpec } from '../../lab/spec.ts'
import { createSim, type SimSpec } from '../../src/sim/index.ts'
import { planSim } from '../../src/sim/plan.ts'

/** One spec, two networks with the same addresses. */
const specs: Record<string, LabSpec> = {
  ...Object.fromEntries(Object.keys(PRESETS).map(name => [name, preset(name, { ipv6: true })])),
  'a firewall behind a NAT': {
    nat: { mapping: 'endpoint-independent' },
    wall: { mapping: 'none', behind: 'nat' },
    alice: { behind: 'wall', ipv6: true },
    bob: { behind: 'nat', addresses: 3 }
  },
  'a host before its routers': {
    alice: { behind: 'home', ipv6: true },
    home: { mapping: 'endpoint-independent', behind: 'carrier' },
    carrier: { mapping: 'address-and-port-dependent', nat66: true }
  }
}

for (const [name, spec] of Object.entries(specs)) {
  test(`${name}: the simulator has the addresses of the kernel lab`, () => {
    const ofLab = planLab(spec).nodes.map(({ name, ips, ip6, gateway, gateway6, publicIp, lan }) => {
      return { name, ips, ip6, gateway, gateway6, publicIp, lan: lan?.network, lan6: lan?.network6 }
    })
    const ofSim = planSim(spec).map(({ name, uplinks: [{ ips, ip6, gateway, gateway6, publicIp }], lan }) => {
      return { name, ips, ip6, gateway, gateway6, publicIp, lan: lan?.network, lan6: lan?.network6 }
    })
    assert.deepEqual(byName(ofSim), byName(ofLab))
  })
}

const wrongs: readonly [string, SimSpec, RegExp][] = [
  ['nothing at all', {}, /1 to 200 nodes/],
  ['a name with a space', { 'a b': {} }, /'a b': a name is/],
  ['an option that there is not', { a: { mtu: 3 } as object }, /no option 'mtu'/],
  ['a host behind a host', { a: {}, b: { behind: 'a' } }, /'b': it is behind 'a'/],
  ['a router behind itself', { a: { mapping: 'none', behind: 'b' }, b: { mapping: 'none', behind: 'a' } }, /itself/],
  ['two ways to say one thing', { a: { behind: 'b', uplinks: [{}] }, b: { mapping: 'none' } }, /in place of/],
  ['no address at all', { a: { ipv4: false } }, /neither IPv4 nor IPv6/],
  ['a mapping that there is not', { a: { mapping: 'full-cone' as 'none' } }, /'a': mapping is endpoint-independent/],
  ['a step of nothing', { a: { mapping: 'endpoint-independent', step: 0 } }, /'a': step/],
  ['a link that there is not', { a: { link: { speed: 3 } as object } }, /no 'speed'/],
  ['more loss than packets', { a: { link: { lossPercent: 101 } } }, /lossPercent is 0 to 100/],
  ['what only a kernel does', { a: { mapping: 'none', unsolicited: 'accept' } }, /kernel lab/],
  ['too many addresses', { a: { addresses: 17 } }, /addresses is 1 to 16/]
]
for (const [what, spec, message] of wrongs) {
  test(`a spec with ${what} is refused by name`, () => {
    assert.throws(() => createSim(spec), message)
  })
}

function byName<T extends { name: string }>(nodes: readonly T[]): T[] {
  return nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

for (const [name, { about }] of Object.entries(PRESETS)) {
  const spec = preset(name)
  const accepts = Object.values(spec).some(node => 'unsolicited' in node && node.unsolicited === 'accept')
  test(`the lab's preset ${name} (${about}) ${accepts ? 'is for the kernel only' : 'runs here too'}`, () => {
    if (accepts) assert.throws(() => createSim(spec), /only routers of the kernel lab/)
    else createSim(spec).close()
  })
}
