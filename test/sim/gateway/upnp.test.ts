import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GatewayOptions, openGateway } from '../../../src/sim/gateway/index.ts'
import { createSim, type Sim } from '../../../src/sim/index.ts'
import type { ActionInput, ActionName } from '../../../src/wire/upnp/actions.ts'
import { allServices, decodeDescription } from '../../../src/wire/upnp/description.ts'
import { serviceType } from '../../../src/wire/upnp/services.ts'
import { decodeOutput, encodeCall, soapHeaders } from '../../../src/wire/upnp/soap.ts'
import { decodeSsdp, encodeSsdp, SSDP_GROUPS, SSDP_PORT } from '../../../src/wire/upnp/ssdp.ts'
import { exchange } from '../udp.ts'
import { home } from './home.ts'

const MAPPING = {
  NewRemoteHost: '',
  NewExternalPort: 4001,
  NewProtocol: 'UDP',
  NewInternalPort: 4001,
  NewInternalClient: '192.168.1.10',
  NewEnabled: true,
  NewPortMappingDescription: 'a <test> & more',
  NewLeaseDuration: 3600
} as const

test('a search finds the gateway, and its description what can be asked of it', async () => {
  using sim = createSim(home)
  const { alice, gateway } = await start(sim, {})
  const socket = await alice.udp({ family: 4 })
  const target = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
  const search = encodeSsdp({ type: 'search', target, mxSeconds: 1 })
  const to = { address: SSDP_GROUPS[4], port: SSDP_PORT }
  const answer = decodeSsdp(await sim.run(exchange(socket, search, to)))
  assert.ok(answer.type === 'answer')
  assert.equal(answer.target, target)
  const page = await sim.run(alice.http({ url: answer.location, method: 'GET', maxBytes: 65_536 }, never()))
  assert.equal(page.localAddress, alice.ip)
  const services = allServices(decodeDescription(page.body).device)
  assert.deepEqual(
    services.map(({ serviceType }) => serviceType),
    ['urn:schemas-upnp-org:service:WANIPConnection:2']
  )
  assert.deepEqual(gateway.counts.ssdp, { in: 1, out: 1 })
  assert.deepEqual(gateway.counts.http, { in: 1, out: 1 })
})

test('a mapping is made, told, and deleted by its owner only', async () => {
  using sim = createSim({ ...home, bob: { behind: 'home' } })
  const { gateway, call } = await start(sim, {})
  assert.deepEqual(await call('GetExternalIPAddress', {}), { output: { NewExternalIPAddress: '11.1.0.10' } })
  assert.deepEqual(await call('AddPortMapping', MAPPING), { output: {} })
  const { NewRemoteHost, NewExternalPort, NewProtocol, ...told } = MAPPING
  const key = { NewRemoteHost, NewExternalPort, NewProtocol }
  assert.deepEqual(await call('GetSpecificPortMappingEntry', key), { output: told })
  assert.deepEqual(
    gateway.leases.map(({ external }) => external),
    [{ address: '11.1.0.10', port: 4001 }]
  )
  assert.equal(codeOf(await call('DeletePortMapping', key, 'bob')), 606)
  assert.deepEqual(await call('DeletePortMapping', key), { output: {} })
  assert.equal(codeOf(await call('DeletePortMapping', key)), 714)
  assert.deepEqual(gateway.leases, [])
})

const rows: readonly [string, GatewayOptions, ActionName, object, unknown][] = [
  ['is authorized for nothing', { faults: { refusal: { upnp: 606 } } }, 'AddPortMapping', {}, 606],
  ['has given the port away', { faults: { takenPorts: [4001] } }, 'AddPortMapping', {}, 718],
  ['has given it away, and gives the next', { faults: { takenPorts: [4001] } }, 'AddAnyPortMapping', {}, 4002],
  ['has permanent leases only', { upnp: 1, faults: { permanentOnly: true } }, 'AddPortMapping', {}, 725],
  ['has one of those', { upnp: 1, faults: { permanentOnly: true } }, 'AddPortMapping', { NewLeaseDuration: 0 }, 'done'],
  ['is of version 1', { upnp: 1 }, 'AddAnyPortMapping', {}, 401],
  ['maps for who asks only', {}, 'AddPortMapping', { NewInternalClient: '192.168.1.99' }, 606],
  ['knows two protocols', {}, 'AddPortMapping', { NewProtocol: 'SCTP' }, 402]
]
for (const [what, options, action, change, expected] of rows) {
  test(`a gateway that ${what}: ${expected}`, async () => {
    using sim = createSim(home)
    const { call } = await start(sim, options)
    const said = await call(action, { ...MAPPING, ...change } as ActionInput<ActionName>)
    const done = 'output' in said && 'NewReservedPort' in said.output ? said.output.NewReservedPort : 'done'
    assert.equal('fault' in said ? codeOf(said) : done, expected)
  })
}

test('IPv6: a pinhole is made, kept open and closed', async () => {
  using sim = createSim({ ...home, alice: { behind: 'home', ipv6: true } })
  const { alice, gateway, call } = await start(sim, {})
  const wish = { RemoteHost: '', RemotePort: 0, InternalClient: alice.ip6!, InternalPort: 4001, Protocol: 17 }
  assert.deepEqual(await call('AddPinhole', { ...wish, LeaseTime: 60 }, 'alice', 6), { output: { UniqueID: 1 } })
  await sim.clock.advance(30_000)
  assert.deepEqual(await call('UpdatePinhole', { UniqueID: 1, NewLeaseTime: 60 }, 'alice', 6), { output: {} })
  await sim.clock.advance(40_000)
  assert.equal(gateway.leases.length, 1)
  assert.deepEqual(await call('DeletePinhole', { UniqueID: 1 }, 'alice', 6), { output: {} })
  assert.equal(gateway.leases.length, 0)
  assert.equal(codeOf(await call('UpdatePinhole', { UniqueID: 1, NewLeaseTime: 60 }, 'alice', 6)), 704)
})

async function start(sim: Sim, options: GatewayOptions) {
  const gateway = await openGateway(sim, 'home', options)
  const call = async <A extends ActionName>(action: A, input: ActionInput<A>, host = 'alice', family = 4) => {
    const type =
      family === 6 ? serviceType('WANIPv6FirewallControl', 1) : serviceType('WANIPConnection', options.upnp || 2)
    const router = family === 6 ? `[${sim.host('home').ip6}]` : '192.168.1.1'
    const request = {
      url: `http://${router}:5000/ctl/${family === 6 ? 'IP6FCtl' : 'IPConn'}`,
      method: 'POST',
      headers: soapHeaders(type, action),
      body: encodeCall(type, action, input),
      maxBytes: 65_536
    }
    const answer = await sim.run(sim.host(host).http(request, never()))
    const said = decodeOutput(action, answer.body)
    assert.equal(answer.status, 'fault' in said ? 500 : 200)
    return said
  }
  return { alice: sim.host('alice'), gateway, call }
}

function codeOf(said: object): number | undefined {
  return 'fault' in said ? (said.fault as { code?: number }).code : undefined
}

function never(): AbortSignal {
  return new AbortController().signal
}
