import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PortMappingReport } from '../../src/nat/report.ts'
import { probePortMapping } from '../../src/portmap/index.ts'
import type { GatewayOptions } from '../../src/sim/gateway/index.ts'
import { openHome, replaced } from './home.ts'

const GATEWAY = '192.168.1.1'
const OUTSIDE = '11.1.0.10'
const never = () => new AbortController().signal

// what the router speaks and what goes wrong; PCP, NAT-PMP, UPnP
for (const [options, pcp, natPmp, upnp] of [
  [{}, OUTSIDE, OUTSIDE, OUTSIDE],
  [{ pcp: false }, 'unsupported', OUTSIDE, OUTSIDE],
  [{ pcp: false, natPmp: false }, 'no-answer', 'no-answer', OUTSIDE],
  [{ pcp: false, natPmp: false, upnp: 1 }, 'no-answer', 'no-answer', OUTSIDE],
  [{ upnp: false }, OUTSIDE, OUTSIDE, 'no-answer'],
  [{ pcp: false, natPmp: false, upnp: false }, 'no-answer', 'no-answer', 'no-answer'],
  [{ faults: { silent: true } }, 'no-answer', 'no-answer', 'no-answer'],
  [
    { faults: { refusal: { pcp: 'NOT_AUTHORIZED', natPmp: 'NOT_AUTHORIZED', upnp: 606 } } },
    'disabled',
    'disabled',
    'disabled'
  ],
  [{ faults: { refusal: { natPmp: 'NOT_AUTHORIZED' } } }, OUTSIDE, 'disabled', OUTSIDE],
  [{ faults: { externalAddress: '100.64.0.7' } }, '100.64.0.7', '100.64.0.7', '100.64.0.7'],
  [{ faults: { permanentOnly: true } }, OUTSIDE, OUTSIDE, OUTSIDE]
] as const satisfies readonly (readonly [GatewayOptions, string, string, string])[]) {
  test(`a router with ${JSON.stringify(options)}`, async () => {
    const { sim, gateway, alice } = await openHome(options)
    const startMs = sim.clock.now()
    // the report's type is what the doctor shows
    const probe: Record<'pcp' | 'natPmp' | 'upnp', PortMappingReport> = await sim.run(probePortMapping(alice, never()))
    const short = ({ ok, external, reason }: PortMappingReport) => (ok ? external : reason)
    assert.deepEqual([short(probe.pcp), short(probe.natPmp), short(probe.upnp)], [pcp, natPmp, upnp])
    assert.equal(probe.pcp.gateway, GATEWAY)
    assert.ok(sim.clock.now() - startMs <= 3_000, `${sim.clock.now() - startMs} ms`)
    // what a router made and did not answer for, it forgets after a minute
    if (natPmp === 'no-answer') await sim.clock.advance(61_000)
    assert.deepEqual(gateway.leases, [], 'no mapping is left')
    gateway.close()
    sim.close()
    assert.equal(sim.clock.pending, 0, 'no timer is left')
  })
}

test('without a router there is nobody to ask', async () => {
  const { sim, alice } = await openHome({})
  const lone = replaced(alice, { gateways: async () => [] })
  const { pcp, upnp } = await sim.run(probePortMapping(lone, never()))
  assert.deepEqual([pcp, upnp], Array(2).fill({ ok: false, gateway: null, external: null, reason: 'no-gateway' }))
})

test('aborted: it ends with the reason, and leaves nothing', async () => {
  const { sim, gateway, alice } = await openHome({ faults: { silent: true } })
  const controller = new AbortController()
  const probing = assert.rejects(probePortMapping(alice, controller.signal), /enough/)
  await sim.clock.advance(100)
  controller.abort(new Error('enough'))
  await sim.run(probing)
  gateway.close()
  sim.close()
  assert.equal(sim.clock.pending, 0)
})
