import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type LabSpec, openLab } from '../../lab/lab.ts'
import { MAIN, Program } from '../cli/beeline.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'

const LIMIT = { timeout: 90_000 }
const link = { delayMs: 10 }
const hard = { mapping: 'address-and-port-dependent', link } as const
const admitting = { mapping: 'endpoint-independent', filtering: 'address-dependent', link } as const
const open = { mapping: 'endpoint-independent', filtering: 'endpoint-independent', link } as const
const alice = { behind: 'natA' }
const bob = { behind: 'natB' }

interface Row {
  readonly what: string
  readonly spec: LabSpec
  readonly skip: string | false
  readonly remote: RegExp
}

/** What `forecast` says that is in no grid: bob gets to alice directly. */
const ROWS: readonly Row[] = [
  {
    what: 'two symmetric NATs, with IPv6 on both sides and at the hub',
    spec: {
      hub: { ipv6: true },
      natA: hard,
      natB: hard,
      alice: { ...alice, ipv6: true },
      bob: { ...bob, ipv6: true }
    },
    skip: NO_LAB,
    remote: /^\[2a0b:beef:2:1::10\]:\d+$/
  },
  {
    what: 'two neighbours behind a symmetric NAT',
    spec: { hub: {}, natA: hard, alice, bob: alice },
    skip: NO_LAB,
    remote: /^192\.168\.2\.10:\d+$/
  },
  {
    what: 'a symmetric NAT, towards one that lets in hosts',
    spec: { hub: {}, natA: admitting, natB: hard, alice, bob },
    skip: NO_SIM_ROUTER,
    remote: /^11\.2\.0\.10:\d+$/
  },
  {
    what: 'one that lets in hosts, towards a symmetric NAT',
    spec: { hub: {}, natA: hard, natB: admitting, alice, bob },
    skip: NO_SIM_ROUTER,
    remote: /^11\.2\.0\.10:\d+$/
  },
  {
    what: 'one that lets everybody in, towards a symmetric NAT',
    spec: { hub: {}, natA: hard, natB: open, alice, bob },
    skip: NO_SIM_ROUTER,
    remote: /^11\.2\.0\.10:\d+$/
  }
]

describe('what the forecast says beside the grid', () => {
  for (const { what, spec, skip, remote } of ROWS) {
    it(`${what}: direct`, { skip, ...LIMIT }, async t => {
      const data = await mkdtemp(join(tmpdir(), 'beeline-forecast-'))
      t.after(() => rm(data, { recursive: true, force: true }))
      const lab = await openLab(spec)
      t.after(() => lab.close())
      const start = (host: string, ...args: string[]) => {
        const env = { ...process.env, XDG_CONFIG_HOME: join(data, host) }
        return new Program(lab.spawn(host, [process.execPath, MAIN, ...args, '--json'], { env, stdio: 'pipe' }))
      }
      const ready = async (program: Program) =>
        (await program.event(({ event }) => event === 'ready')) as unknown as { id: string; addrs: string[] }
      const { ip, ip6 } = lab.host('hub')
      const hosts = ['--host', ip, ...(ip6 == null ? [] : ['--host', ip6])]
      const { addrs } = await ready(start('hub', 'hub', ...hosts))
      const way = addrs.filter(address => address.includes('/quic-v1/')).join(',')
      const { id } = await ready(start('alice', 'up', '--hub', way))
      const { code, stdout, stderr } = await start('bob', 'ping', id, '--hub', way, '--until', 'direct').ended
      assert.equal(code, 0, stdout + stderr)
      const pongs = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
        .filter(({ event }) => event === 'pong')
      assert.match(pongs.at(-1).remote, remote)
    })
  }
})
