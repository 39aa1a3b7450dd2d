import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import { NatError } from '../../src/core/errors.ts'
import type { HttpRequest, HttpResponse, NetHost, UdpSocket } from '../../src/core/net.ts'
import { seededRandom } from '../../src/core/random.ts'
import { BootWatch } from '../../src/portmap/boot.ts'
import type { Outcome } from '../../src/portmap/mapping.ts'
import { UpnpClient } from '../../src/portmap/upnp/client.ts'
import { encodeDescription, type UpnpService } from '../../src/wire/upnp/description.ts'
import { serviceType } from '../../src/wire/upnp/services.ts'
import { encodeFault, encodeOutput } from '../../src/wire/upnp/soap.ts'
import { encodeSsdp } from '../../src/wire/upnp/ssdp.ts'

const ROUTER = '192.168.0.1'
const IPC = serviceType('WANIPConnection', 1)
const UPLINK = { family: 4, gateway: ROUTER, interface: 'eth0', address: '192.168.0.2', prefixLength: 24 } as const
const ASK = { protocol: 'udp', internalPort: 4001, externalPort: 4001, lifetimeSeconds: 3600 } as const

interface Script {
  /** Who answers the search with which location. */
  readonly answers?: readonly (readonly [address: string, location: string])[]
  /** What a request gets: a body, a status, an error, or nothing ever. */
  http(request: HttpRequest): string | number | Error | undefined
}

/** A machine whose network is a script. */
function scripted({ answers = [[ROUTER, `http://${ROUTER}/d.xml`]], http }: Script) {
  const clock = new VirtualClock()
  const asked: string[] = []
  const host: NetHost = {
    clock,
    random: seededRandom(1),
    addresses: () => [],
    gateways: async () => [],
    tcp: () => Promise.reject(new NatError('NO_NETWORK', 'no TCP here')),
    resolve: async () => [],
    udp: async (): Promise<UdpSocket> => ({
      local: { address: '192.168.0.2', port: 1 },
      send() {},
      close() {},
      onPacket(listener) {
        for (const [address, location] of answers) {
          const bytes = encodeSsdp({ type: 'answer', target: 'x', usn: 'y', location })
          clock.after(10, () => listener(bytes, { address, port: 1900 }))
        }
        return () => {}
      }
    }),
    http(request, signal): Promise<HttpResponse> {
      const action = /#(\w+)/.exec(request.headers?.['soapaction'] ?? '')?.[1]
      asked.push(action ?? request.url)
      const given = http(request)
      if (given instanceof Error) return Promise.reject(given)
      if (given !== undefined) {
        const [status, body] = typeof given === 'number' ? [given, ''] : [200, given]
        return Promise.resolve({ status, headers: {}, body, localAddress: '192.168.0.2' })
      }
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    }
  }
  return { host, clock, asked }
}

function description(...services: Partial<UpnpService>[]): string {
  const device = { deviceType: '', friendlyName: '', manufacturer: '', modelName: '', udn: '', devices: [] }
  return encodeDescription({
    device: {
      ...device,
      services: services.map(each => ({ serviceType: IPC, serviceId: 'id', controlUrl: '/ctl', ...each }))
    }
  })
}

async function mapBy(script: Script): Promise<{ outcome: Outcome; asked: string[]; tookMs: number }> {
  const { host, clock, asked } = scripted(script)
  let outcome: Outcome | undefined
  const mapping = new UpnpClient(host, UPLINK, new BootWatch())
    .map(ASK, undefined, new AbortController().signal)
    .then(result => {
      outcome = result
    })
  while (outcome == null && clock.now() < 60_000) await clock.advance(100)
  await mapping
  assert.equal(clock.pending, 0, 'no timer is left')
  return { outcome: outcome!, asked, tookMs: clock.now() }
}

const isGet = ({ method }: HttpRequest) => method === 'GET'

// what the router answers to the request for its description; what comes of it
for (const [what, script, reason] of [
  ['XML with entities', { http: () => '<!DOCTYPE a [<!ENTITY b "c">]><root/>' }, 'malformed'],
  ['what is no XML', { http: () => 'hello' }, 'malformed'],
  ['nothing, and keeps the connection', { http: () => undefined }, 'no-answer'],
  ['a redirect', { http: () => 302 }, 'malformed'],
  ['too much', { http: () => new NatError('LIMIT', 'too much') }, 'malformed'],
  ['by closing', { http: () => new NatError('NO_NETWORK', 'closed') }, 'no-answer'],
  ['no service that maps', { http: () => description({ serviceType: 'urn:x' }) }, 'unsupported'],
  ['a control URL elsewhere', { http: () => description({ controlUrl: 'http://10.0.0.1/ctl' }) }, 'unsupported'],
  ['a control URL by name', { http: () => description({ controlUrl: 'http://router.lan/ctl' }) }, 'unsupported'],
  ['from another machine', { answers: [['192.168.0.66', 'http://192.168.0.66/']], http: () => 500 }, 'no-answer'],
  ['with a location elsewhere', { answers: [[ROUTER, 'http://192.168.0.66/']], http: () => 500 }, 'malformed'],
  ['not at all', { answers: [], http: () => 500 }, 'no-answer']
] as const satisfies readonly (readonly [string, Script, string])[]) {
  test(`a router that answers ${what}: ${reason}, within its deadline`, async () => {
    const { outcome, asked, tookMs } = await mapBy(script)
    assert.ok('refused' in outcome && outcome.refused.reason === reason, JSON.stringify(outcome))
    assert.ok(tookMs <= 8_200, `${tookMs} ms`)
    assert.ok(asked.every(url => url === `http://${ROUTER}/d.xml`) && asked.length <= 1, asked.join())
  })
}

test('of all that a router sends, four descriptions are read', async () => {
  const answers = Array.from({ length: 50 }, (_, i) => [ROUTER, `http://${ROUTER}/${i}`] as const)
  const { asked } = await mapBy({ answers, http: () => 404 })
  assert.equal(asked.length, 4)
})

// what the router answers to an action; what comes of it
for (const [what, answer, reason] of [
  ['nothing, and keeps the connection', undefined, 'no-answer'],
  ['a redirect', 307, 'malformed'],
  ['what is no SOAP', '<a/>', 'malformed'],
  ['a login', 401, 'disabled'],
  ['another action', encodeOutput(IPC, 'DeletePortMapping', {}), 'malformed'],
  ['a fault', encodeFault({ code: 501, description: 'ActionFailed' }), 'refused'],
  [
    'an address that is none',
    encodeOutput(IPC, 'GetExternalIPAddress', { NewExternalIPAddress: 'router' }),
    'no-external-address'
  ],
  [
    'an IPv6 address with a zone, which is no multiaddr',
    encodeOutput(IPC, 'GetExternalIPAddress', { NewExternalIPAddress: '2001:db8::1%eth0' }),
    'no-external-address'
  ],
  ['an empty address', encodeOutput(IPC, 'GetExternalIPAddress', { NewExternalIPAddress: '' }), 'no-external-address']
] as const) {
  test(`a router that answers an action by ${what}: ${reason}`, async () => {
    const { outcome, tookMs } = await mapBy({ http: request => (isGet(request) ? description({}) : answer) })
    assert.ok('refused' in outcome && outcome.refused.reason === reason, JSON.stringify(outcome))
    assert.ok(tookMs <= 12_200, `${tookMs} ms`)
  })
}

/** A router of version 1 that answers each AddPortMapping by the next of these codes, 0 being success. */
function adding(codes: readonly number[], client = '192.168.0.2'): Script & { readonly bodies: string[] } {
  const left = [...codes]
  const bodies: string[] = []
  return {
    bodies,
    http(request) {
      const [, action] = /#(\w+)/.exec(request.headers?.['soapaction'] ?? '') ?? []
      switch (action) {
        case undefined:
          return description({})
        case 'GetExternalIPAddress':
          return encodeOutput(IPC, action, { NewExternalIPAddress: '203.0.113.7' })
        case 'GetSpecificPortMappingEntry':
          return encodeOutput(IPC, action, {
            NewInternalPort: 4001,
            NewInternalClient: client,
            NewEnabled: true,
            NewPortMappingDescription: '',
            NewLeaseDuration: 0
          })
        case 'AddPortMapping': {
          bodies.push(request.body ?? '')
          const code = left.shift() ?? 501
          return code === 0 ? encodeOutput(IPC, action, {}) : encodeFault({ code, description: '' })
        }
        default:
          return encodeOutput(IPC, 'DeletePortMapping', {})
      }
    }
  }
}

for (const [what, codes, client, actions, lifetimeSeconds] of [
  ['by leases', [0], '192.168.0.2', 'AddPortMapping', 3600],
  ['for good only', [725, 0], '192.168.0.2', 'AddPortMapping AddPortMapping', null],
  ['for good only, and says so badly', [402, 0], '192.168.0.2', 'AddPortMapping AddPortMapping', null],
  [
    'and still has ours of before',
    [718, 0],
    '192.168.0.2',
    'AddPortMapping GetSpecificPortMappingEntry DeletePortMapping AddPortMapping',
    3600
  ],
  ["and has somebody else's", [718], '192.168.0.9', 'AddPortMapping GetSpecificPortMappingEntry', 'conflict'],
  ['never', [501], '192.168.0.2', 'AddPortMapping', 'refused']
] as const) {
  test(`a router that maps ${what}`, async () => {
    const { outcome, asked } = await mapBy(adding(codes, client))
    assert.equal(asked.slice(2).join(' '), actions)
    const result = 'granted' in outcome ? outcome.granted.lifetimeSeconds : outcome.refused.reason
    assert.equal(result, lifetimeSeconds)
  })
}

test('a router that asks for the same remedy without end is left after three', async () => {
  const { asked } = await mapBy(adding(Array(20).fill(718)))
  assert.equal(asked.filter(action => action === 'AddPortMapping').length, 4)
})

test('the mapping is for the address of ours that reached the router', async () => {
  const script = adding([0])
  const { outcome } = await mapBy(script)
  assert.match(script.bodies[0]!, /<NewInternalClient>192\.168\.0\.2<\/NewInternalClient>/)
  assert.deepEqual('granted' in outcome && outcome.granted.internal, { address: '192.168.0.2', port: 4001 })
})
