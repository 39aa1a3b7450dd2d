import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { openLab } from '../../lab/lab.ts'
import { type PresetName, preset } from '../../lab/presets.ts'
import type { LabSpec } from '../../lab/spec.ts'
import type { Diagnosis } from '../../src/cli/doctor/diagnosis.ts'
import type { TransportReport } from '../../src/nat/report.ts'
import type { AdviceCode } from '../../src/traversal/advice.ts'
import type { Place } from '../../src/traversal/forecast.ts'
import { MAIN, Program } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'

const LIMIT = { timeout: 90_000 }

/** A lab with a hub on two addresses, and the command line in its hosts. */
async function clinic(t: TestContext, spec: LabSpec) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-doctor-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const lab = await openLab(spec)
  t.after(() => lab.close())
  const env = { ...process.env, XDG_CONFIG_HOME: data, https_proxy: '', HTTPS_PROXY: '' }
  const start = (host: string, ...args: string[]) =>
    new Program(lab.spawn(host, [process.execPath, MAIN, ...args], { env, stdio: 'pipe' }))
  const hosts = lab.host('hub').ips.flatMap(ip => ['--host', ip])
  const hub = start('hub', 'hub', ...hosts, '--json')
  const { addrs, id } = (await hub.event(({ event }) => event === 'ready')) as unknown as {
    addrs: string[]
    id: string
  }
  const ip = lab.host('hub').ip
  const way = addrs.filter(address => address.startsWith(`/ip4/${ip}/`) && !address.includes('/ws/')).join(',')
  return { lab, hub, id, way, doctor: (host: string, ...args: string[]) => start(host, 'doctor', ...args).ended }
}

/** What is said of a network: of UDP (of TCP where that is blocked), of all of it, and who connects. */
interface Row {
  readonly lab: PresetName
  readonly host: 'alice' | 'bob'
  readonly udp4: Partial<TransportReport>
  readonly tcp4?: Partial<TransportReport>
  readonly rest: Partial<Diagnosis>
  readonly advice: readonly AdviceCode[]
  /** Who connects to it directly. */
  readonly direct: readonly Place[]
}

const ANSWERS_ONLY = 'address-and-port-dependent'
const EASY = { ok: true, translated: true, mapping: 'endpoint-independent', portAllocation: 'preserving' } as const
const HARD = { ok: true, translated: true, mapping: 'address-and-port-dependent', portAllocation: 'random' } as const
const OPEN = { ok: true, translated: false } as const
const BUT_HARD: readonly Place[] = ['public', 'firewall', 'easy-nat', 'double-nat', 'udp-blocked', 'same-network']
/** Random ports are guessed by who has one port for all. */
const ALL: readonly Place[] = [...BUT_HARD, 'hard-nat']
const FROM_HARD: readonly Place[] = ['public', 'firewall', 'easy-nat', 'double-nat', 'same-network']

const ROWS: readonly Row[] = [
  {
    lab: 'public',
    host: 'alice',
    udp4: { ...OPEN, filtering: 'endpoint-independent' },
    rest: { natLayers: 0, cgnat: false, uplinks: 1, reachability: 'public' },
    advice: [],
    direct: ALL
  },
  {
    lab: 'firewall',
    host: 'alice',
    udp4: { ...OPEN, filtering: ANSWERS_ONLY },
    rest: { natLayers: 0, cgnat: false, reachability: 'private' },
    advice: ['firewall'],
    direct: ALL
  },
  {
    lab: 'easy-easy',
    host: 'alice',
    udp4: { ...EASY, filtering: ANSWERS_ONLY, hairpin: false },
    tcp4: { ok: true, translated: true, mapping: 'endpoint-independent' },
    rest: { natLayers: 1, cgnat: false, reachability: 'private' },
    advice: ['mapping-absent', 'no-hairpin'],
    direct: ALL
  },
  {
    lab: 'easy-hard',
    host: 'bob',
    udp4: { ...HARD, filtering: ANSWERS_ONLY },
    // its STUN server has one TCP port, so that the two cannot be told apart
    tcp4: {
      ok: true,
      translated: true,
      mapping: null,
      mappingPossible: ['address-dependent', 'address-and-port-dependent']
    },
    rest: { natLayers: 1, cgnat: false, reachability: 'private' },
    advice: ['symmetric-nat', 'mapping-absent', 'no-hairpin'],
    direct: FROM_HARD
  },
  {
    lab: 'hard-hard',
    host: 'alice',
    udp4: { ...HARD, filtering: ANSWERS_ONLY },
    rest: { natLayers: 1, cgnat: false, reachability: 'private' },
    advice: ['symmetric-nat', 'mapping-absent', 'no-hairpin'],
    direct: FROM_HARD
  },
  {
    lab: 'double-nat',
    host: 'alice',
    udp4: { ...EASY, filtering: ANSWERS_ONLY, hairpin: false },
    rest: { natLayers: 2, cgnat: true, reachability: 'private' },
    advice: ['carrier-nat', 'no-hairpin'],
    direct: ALL
  },
  {
    lab: 'udp-blocked',
    host: 'alice',
    udp4: { ok: false, mapping: null },
    tcp4: { ok: true, translated: true, mapping: 'endpoint-independent' },
    // routers on the way are asked by UDP
    rest: { natLayers: null, cgnat: null },
    advice: ['udp-blocked'],
    direct: BUT_HARD
  }
]

describe('beeline doctor, in networks that are known', { skip: NO_LAB }, () => {
  for (const { lab, host, udp4, tcp4 = {}, rest, advice, direct } of ROWS) {
    it(`${lab}, ${host}`, LIMIT, async t => {
      const { id, way, doctor } = await clinic(t, preset(lab))
      const { code, stdout, stderr } = await doctor(host, '--hub', way, '--json')
      assert.equal(code, 0, stderr)
      const found: Diagnosis = JSON.parse(stdout)
      assert.deepEqual(some(found.udp4, udp4), udp4, stdout)
      assert.deepEqual(some(found.tcp4, tcp4), tcp4, stdout)
      assert.deepEqual(some(found, rest), rest, stdout)
      assert.deepEqual(
        found.advice.map(each => each.code),
        advice,
        stdout
      )
      const places = found.forecast.filter(({ path }) => path === 'direct').map(({ place }) => place)
      assert.deepEqual(places.toSorted(), direct.toSorted())
      assert.deepEqual([found.hubs.length, found.hubs[0]?.id], [1, id])
      assert.ok(found.hubs[0]!.rttMs! > 0)
      assert.match(found.dataPlane.kind, /^(ffi|portable)$/)
    })
  }

  it('double-nat, for people', LIMIT, async t => {
    const { lab, way, doctor } = await clinic(t, preset('double-nat'))
    const { code, stdout, stderr } = await doctor('alice', '--hub', way)
    assert.equal(code, 0, stderr)
    const { ip, publicIp } = lab.host('alice')
    assert.match(
      stdout,
      /^ {2}\| this machine +\|-*>\| your router \(NAT\) \|-*>\| provider's NAT +\|-*>\| internet +\|$/m
    )
    assert.match(stdout, new RegExp(`\\| ${ip} +\\|.*\\| sees ${publicIp} +\\|`))
    assert.match(stdout, /^ {2}yes symmetric NAT +QUIC/m)
    assert.match(stdout, /provider/)
    assert.equal(stderr, '')
  })

  it('without a hub: what can be known from inside', LIMIT, async t => {
    const { doctor } = await clinic(t, preset('easy-easy'))
    const { code, stdout, stderr } = await doctor('alice', '--json')
    assert.equal(code, 0, stderr)
    const found: Diagnosis = JSON.parse(stdout)
    assert.deepEqual(
      [found.hubs, found.advice[0]?.code, found.forecast.every(({ path }) => path == null)],
      [[], 'no-hub', true]
    )
  })

  it('a hub that is gone: exit code 1, one line that says so, and what can be known all the same', LIMIT, async t => {
    const { hub, id, way, doctor } = await clinic(t, preset('easy-easy'))
    hub.child.kill('SIGKILL')
    await hub.ended
    const { code, stdout, stderr } = await doctor('alice', '--hub', way, '--json')
    assert.equal(code, 1)
    assert.match(stderr, /^beeline: no hub answers at .*\n$/)
    const found: Diagnosis = JSON.parse(stdout)
    assert.deepEqual([found.hubs, found.advice[0]?.code], [[{ id, rttMs: null }], 'no-network'])
  })
})

/** Of all that was found, what the row is about. */
function some<T extends object>(found: T, wanted: Partial<T>): Partial<T> {
  return Object.fromEntries(Object.keys(wanted).map(key => [key, found[key as keyof T]])) as Partial<T>
}
