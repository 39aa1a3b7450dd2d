import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type PresetName, preset } from '../../lab/presets.ts'
import type { LabSpec } from '../../lab/spec.ts'
import { Program } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'
import { journey } from './journey.ts'

const PEER = fileURLToPath(new URL('peer-program.ts', import.meta.url))
const link = { delayMs: 10 }
const LIMIT = { timeout: 60_000 }

/** @param goal to get to alice */
async function startBob(t: TestContext, spec: LabSpec, goal?: 'alice') {
  const { lab, alice, hubAddress } = await journey(t, spec)
  const argv = [process.execPath, PEER, hubAddress, ...(goal == null ? [] : [alice])]
  const program = new Program(lab.spawn('bob', argv, { stdio: 'pipe' }))
  const { ip4, addrs } = (await program.event(({ event }) => event === 'reachability')) as unknown as {
    ip4: string
    addrs: string[]
  }
  return {
    program,
    alice,
    bobIp: lab.host('bob').ip,
    ip4,
    announced: addrs.filter(each => !each.includes('p2p-circuit'))
  }
}

/** Whether a node of each lab's bob says so, once the hub has tried. */
const ROWS: ReadonlyArray<readonly [PresetName, 'public' | 'private']> = [
  ['public', 'public'],
  ['easy-easy', 'private'],
  ['firewall', 'private']
]

describe('what the hub finds by dialling back', { skip: NO_LAB }, () => {
  for (const [name, expected] of ROWS) {
    it(`${name}: bob is ${expected}, and announces accordingly`, LIMIT, async t => {
      const { ip4, announced, bobIp } = await startBob(t, preset(name, { link }))
      assert.equal(ip4, expected)
      const ofTheInternet = announced.filter(address => address.startsWith('/ip4/11.'))
      if (expected === 'private') assert.deepEqual(ofTheInternet, [])
      else assert.match(ofTheInternet.join(), new RegExp(`^/ip4/${bobIp}/udp/\\d+/quic-v1$`))
    })
  }
})

const natA = { mapping: 'endpoint-independent', link } as const
const alice = { behind: 'natA' }

describe('connection reversal, towards one who reached us over a relay', { skip: NO_LAB }, () => {
  it('goes first when the hub has reached that one', LIMIT, async t => {
    const bob = await startBob(t, { hub: {}, natA, alice, bob: { link } }, 'alice')
    assert.equal(bob.ip4, 'public')
    const { outcome } = await bob.program.event(({ technique }) => technique === 'reverse')
    assert.equal(outcome, 'ok')
    const { path } = await bob.program.event(({ event }) => event === 'connected')
    assert.equal(path, 'direct')
    const links = bob.program.events.filter(({ event }) => event === 'link').map(({ peer }) => peer)
    assert.deepEqual(links, [bob.alice], 'who dials back is no peer')
  })

  it('is of no use through a firewall, where a punch is', LIMIT, async t => {
    const natB = { mapping: 'none', link } as const
    const bob = await startBob(t, { hub: {}, natA, natB, alice, bob: { behind: 'natB' } }, 'alice')
    assert.equal(bob.ip4, 'private')
    const { path } = await bob.program.event(({ event }) => event === 'connected')
    assert.equal(path, 'direct')
    const made = bob.program.events.filter(({ outcome, technique }) => outcome === 'ok' && technique !== 'relay')
    assert.deepEqual(
      made.map(({ technique }) => technique),
      ['punch-quic']
    )
  })
})
