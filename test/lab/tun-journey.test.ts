import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type PresetName, preset } from '../../lab/presets.ts'
import type { LabSpec, RouterSpec } from '../../lab/spec.ts'
import { isRouter } from '../../lab/spec.ts'
import { NO_SIM_ROUTER } from './available.ts'
import { journey } from './journey.ts'

/** One way, from a site to the internet. */
const link = { delayMs: 10 }

/** A preset with every router changed. */
function withRouters(name: PresetName, change: Partial<RouterSpec>): LabSpec {
  const spec = preset(name, { link })
  for (const node of Object.values(spec)) if (isRouter(node)) Object.assign(node, { engine: 'sim', ...change })
  return spec
}

/** What its routers are, what both may try, and where the last pong came from. */
interface Row {
  readonly name: string
  readonly spec: LabSpec
  readonly only?: 'punch-quic' | 'punch-tcp'
  readonly code: number
  readonly path: string
}

const DIRECT = { code: 0, path: 'direct 11.2.0.10' } as const

const ROWS: readonly Row[] = [
  { name: 'easy-easy', spec: withRouters('easy-easy', {}), only: 'punch-quic', ...DIRECT },
  { name: 'easy-easy', spec: withRouters('easy-easy', {}), only: 'punch-tcp', ...DIRECT },
  { name: 'resetting', spec: withRouters('resetting', {}), only: 'punch-tcp', ...DIRECT },
  {
    name: 'random ports, the same one for all',
    spec: withRouters('easy-easy', { allocation: 'random' }),
    only: 'punch-quic',
    ...DIRECT
  },
  // whoever knows alice's public port may dial it, from whatever port bob's NAT chooses
  { name: 'unfiltered', spec: withRouters('unfiltered', {}), only: 'punch-quic', ...DIRECT },
  {
    name: 'mapped by address',
    spec: withRouters('easy-easy', { mapping: 'address-dependent', allocation: 'random' }),
    code: 3,
    path: 'relay 11.1.0.10'
  }
]

describe("two peers behind the simulator's NATs, from the command line", { skip: NO_SIM_ROUTER }, () => {
  for (const { name, spec, only, code, path } of ROWS) {
    it(`${name}${only == null ? '' : `, ${only} only`}: ${path}`, async t => {
      const tried = only == null ? [] : ['--only', only]
      const { bob, alice, hubAddress } = await journey(t, spec, ['quic', 'tcp'], tried)
      const ended = await bob(
        'ping',
        alice,
        '--hub',
        hubAddress,
        '--until',
        'direct',
        '--deadline',
        code === 0 ? '20' : '8',
        ...tried
      )
      const events = ended.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { event: string; path?: string; remote?: string })
      const last = events.findLast(({ event }) => event === 'pong')
      const where = `${last?.path} ${last?.remote?.split(':')[0]}`
      assert.deepEqual([ended.code, where], [code, path], ended.stdout + ended.stderr)
    })
  }
})
