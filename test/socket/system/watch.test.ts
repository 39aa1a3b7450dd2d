import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import type { Gateway, InterfaceAddress } from '../../../src/core/net.ts'
import { diff, type NetworkState, systemState } from '../../../src/socket/system/network-state.ts'
import { type NetworkChange, onNetworkChange, WATCH, watchNetwork } from '../../../src/socket/system/watch.ts'

const on = (name: string, ...addresses: string[]): InterfaceAddress[] =>
  addresses.map(address => ({ name, address, family: address.includes(':') ? 6 : 4, prefixLength: 24 }))
const by = (name: string, address: string): Gateway => ({
  family: address.includes(':') ? 6 : 4,
  address,
  interface: name
})

const LO = on('lo', '127.0.0.1', '::1')
const HOME: NetworkState = { addresses: [...LO, ...on('wlan0', '192.168.1.7')], gateways: [by('wlan0', '192.168.1.1')] }
const OFFLINE: NetworkState = { addresses: LO, gateways: [] }
const CABLE: NetworkState = {
  addresses: [...HOME.addresses, ...on('eth0', '10.0.0.5')],
  gateways: [by('eth0', '10.0.0.1'), ...HOME.gateways]
}
/** Where the system's routes are not known. */
const blind = ({ addresses }: NetworkState): NetworkState => ({ addresses, gateways: [] })

const ROWS: ReadonlyArray<
  readonly [what: string, before: NetworkState, after: NetworkState, change: NetworkChange['kind'] | undefined, RegExp?]
> = [
  ['nothing', HOME, structuredClone(HOME), undefined],
  ['the same in another order', CABLE, { ...CABLE, addresses: CABLE.addresses.toReversed() }, undefined],
  ['a cable is plugged in', HOME, CABLE, 'route', /10\.0\.0\.1 on eth0, 192\.168\.1\.1 on wlan0; before: 192/],
  ['the cable is pulled', CABLE, HOME, 'route', /: 192\.168\.1\.1 on wlan0; before: 10/],
  ['the last network goes', HOME, OFFLINE, 'route', /default routes: none; before: 192\.168\.1\.1 on wlan0/],
  ['the first network comes', OFFLINE, HOME, 'route'],
  [
    'a network comes where routes are not known',
    blind(HOME),
    blind(CABLE),
    'addresses',
    /^10\.0\.0\.5 on eth0 is new$/
  ],
  [
    'another address in the same network',
    HOME,
    { ...HOME, addresses: on('wlan0', '192.168.1.8') },
    'addresses',
    /^192\.168\.1\.8 on wlan0 is new, 192\.168\.1\.7 on wlan0 is gone$/
  ],
  [
    'the same address on another interface',
    blind(HOME),
    { ...OFFLINE, addresses: on('eth0', '192.168.1.7') },
    'addresses'
  ],
  [
    'a router advertises IPv6',
    HOME,
    { ...HOME, addresses: [...HOME.addresses, ...on('wlan0', '2606:4700::7')] },
    'addresses'
  ],
  [
    'only the network is written in another way',
    HOME,
    { ...HOME, addresses: HOME.addresses.map(each => ({ ...each, prefixLength: 16 })) },
    undefined
  ],
  [
    'a link-local address comes',
    HOME,
    { ...HOME, addresses: [...HOME.addresses, ...on('veth7', 'fe80::7', '169.254.3.4')] },
    undefined
  ],
  ['another loopback address', HOME, { ...HOME, addresses: [...HOME.addresses, ...on('lo', '127.0.0.2')] }, undefined],
  ['the other default route is preferred', CABLE, { ...CABLE, gateways: CABLE.gateways.toReversed() }, 'route'],
  ['another router, same network', HOME, { ...HOME, gateways: [by('wlan0', '192.168.1.254')] }, 'route'],
  [
    'a route of IPv6 comes',
    HOME,
    { ...HOME, gateways: [...HOME.gateways, by('wlan0', 'fe80::1%wlan0')] },
    'route',
    /fe80::1 on wlan0;/
  ]
]
for (const [what, before, after, kind, detail] of ROWS) {
  test(`${what}: ${kind ?? 'no change'}`, () => {
    const change = diff(before, after)
    assert.equal(change?.kind, kind)
    if (detail != null) assert.match(change!.detail, detail)
  })
}

/** A machine in virtual time, whose time of day can run away from its clock. */
function setUp(state: NetworkState = HOME) {
  const clock = new VirtualClock()
  const machine = { state, sleptMs: 0, looks: 0 }
  const told: Array<readonly [ms: number, kind: string]> = []
  const stop = watchNetwork(
    {
      clock,
      wallMs: () => 1_700_000_000_000 + clock.now() + machine.sleptMs,
      look: () => {
        machine.looks++
        return machine.state
      }
    },
    ({ kind }) => told.push([clock.now(), kind])
  )
  return { clock, machine, told, stop }
}

test('a change is told within half a second, once', async () => {
  const { clock, machine, told, stop } = setUp()
  await clock.advance(10_100)
  machine.state = OFFLINE
  await clock.advance(400)
  assert.deepEqual(told, [[10_500, 'route']])
  await clock.advance(60_000)
  assert.equal(told.length, 1)
  stop()
  assert.equal(clock.pending, 0)
})

test('an hour without a change: two looks a second, and not a word', async () => {
  const { clock, machine, told, stop } = setUp()
  await clock.advance(3_600_000)
  assert.deepEqual(told, [])
  assert.equal(machine.looks, 7_201)
  stop()
})

test('a sleep is told where the clock stands still in it, a short one is not', async () => {
  const { clock, machine, told, stop } = setUp()
  await clock.advance(1_200)
  machine.sleptMs += WATCH.sleptMs - 100
  await clock.advance(1_000)
  assert.deepEqual(told, [])
  machine.sleptMs += 3_600_000
  await clock.advance(1_000)
  assert.deepEqual(told, [[2_500, 'wake']])
  stop()
})

test('a sleep is told where the clock goes on in it: the timer is late', () => {
  let nowMs = 0
  const due: Array<() => void> = []
  const told: NetworkChange[] = []
  watchNetwork(
    {
      clock: { now: () => nowMs, after: (_, fn) => ({ cancel() {}, ...{ at: due.push(fn) } }) },
      wallMs: () => nowMs,
      look: () => HOME
    },
    change => told.push(change)
  )
  const fire = (afterMs: number) => {
    nowMs += afterMs
    due.shift()!()
  }
  fire(520)
  fire(WATCH.everyMs + WATCH.sleptMs)
  assert.deepEqual(told, [])
  fire(60_000)
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['wake']
  )
})

test('who wakes up in another network hears of that', async () => {
  const { clock, machine, told, stop } = setUp()
  await clock.advance(100)
  machine.sleptMs = 3_600_000
  machine.state = CABLE
  await clock.advance(10_000)
  assert.deepEqual(told, [[500, 'route']])
  stop()
})

test('the time of day is set back: not a word', async () => {
  const { clock, machine, told, stop } = setUp()
  machine.sleptMs = -86_400_000
  await clock.advance(5_000)
  assert.deepEqual(told, [])
  stop()
})

test('a cable that comes and goes is told of a few times, and then every ten seconds', async () => {
  const { clock, machine, told, stop } = setUp()
  for (let i = 0; i < 120; i++) {
    machine.state = i % 2 === 0 ? OFFLINE : HOME
    await clock.advance(500)
  }
  assert.ok(told.length >= WATCH.told.burst && told.length <= WATCH.told.burst + 7, `${told.length} times in a minute`)
  stop()
})

test('what was held back is told when there is room, unless it is gone again', async () => {
  const { clock, machine, told, stop } = setUp()
  for (let i = 0; i < WATCH.told.burst; i++) {
    machine.state = i % 2 === 0 ? OFFLINE : HOME
    await clock.advance(500)
  }
  assert.equal(told.length, WATCH.told.burst)
  machine.state = CABLE
  await clock.advance(2_000)
  assert.equal(told.length, WATCH.told.burst, 'held back')
  await clock.advance(WATCH.told.refillMs)
  assert.equal(told.length, WATCH.told.burst + 1)
  machine.state = OFFLINE
  await clock.advance(2_000)
  machine.state = CABLE
  await clock.advance(60_000)
  assert.equal(told.length, WATCH.told.burst + 1, 'what came and went while it was held back')
  stop()
})

test('a listener may end the watch', async () => {
  const clock = new VirtualClock()
  let state = HOME
  let times = 0
  const stop = watchNetwork({ clock, wallMs: () => clock.now(), look: () => state }, () => {
    times++
    stop()
  })
  state = OFFLINE
  await clock.advance(5_000)
  assert.equal(times, 1)
  assert.equal(clock.pending, 0)
})

test('this machine has addresses, the same as a moment ago', () => {
  const state = systemState()
  assert.ok(state.addresses.length > 0)
  assert.equal(diff(state, systemState()), undefined)
})

test('all that listen share one watch, which does not keep a program alive', () => {
  // were a timer left that does, this test file would not end
  const [one, other] = [onNetworkChange(() => {}), onNetworkChange(() => {})]
  one()
  one()
  other()
  onNetworkChange(() => {})
})
