import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Lab, LabSpec } from '../../lab/lab.ts'
import { preset } from '../../lab/presets.ts'
import type { Explanation } from '../../src/traversal/explain.ts'
import { guess } from '../../src/traversal/techniques/guess.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'
import { journey } from './journey.ts'

const LIMIT = { timeout: 120_000 }
const link = { delayMs: 10 }
const hub = { addresses: 2 }
const alice = { behind: 'natA' }
const bob = { behind: 'natB' }
const easy = { mapping: 'endpoint-independent', link } as const
const hard = { mapping: 'address-and-port-dependent', link } as const
const sequential = { ...hard, allocation: 'sequential' } as const

interface Summary {
  readonly technique: string
  readonly explanation: Explanation
}

/** Bob pings alice until direct. */
async function ping(t: TestContext, spec: LabSpec, only: readonly string[] = []) {
  const { bob, alice, hubAddress } = await journey(t, spec, ['quic', 'tcp'])
  const ended = await bob('ping', alice, '--hub', hubAddress, '--until', 'direct', '--deadline', '40', ...only)
  const summary = JSON.parse(ended.stdout.trim().split('\n').at(-1)!) as Summary
  const plan = new Map(summary.explanation.plan.map(({ technique, action, why }) => [technique, `${action}: ${why}`]))
  return { code: ended.code, plan, ...summary, said: ended.stdout + ended.stderr }
}

describe('NATs whose ports nobody can be told, by birthday', { skip: NO_LAB }, () => {
  for (const [what, natA, natB] of [
    ['the side that dials has random ports', easy, hard],
    ['the side that is dialled has random ports', hard, easy]
  ] as const) {
    it(what, LIMIT, async t => {
      const { code, technique, plan, said } = await ping(t, { hub, natA, natB, alice, bob })
      assert.deepEqual([code, technique, plan.get('birthday')], [0, 'birthday', 'take: one-side-random'], said)
    })
  }

  it('nothing else may be tried', LIMIT, async t => {
    const { code, technique, said } = await ping(t, preset('easy-hard', { link }), ['--only', 'birthday'])
    assert.deepEqual([code, technique], [0, 'birthday'], said)
  })

  it('it may not be tried', LIMIT, async t => {
    const { code, technique, plan, said } = await ping(t, preset('easy-hard', { link }), ['--only', 'punch-quic'])
    assert.deepEqual([code, technique, plan.get('birthday')], [3, 'relay', 'skip: not-allowed'], said)
  })

  it('both sides have random ports: nobody tries', LIMIT, async t => {
    const { code, technique, plan, explanation, said } = await ping(t, preset('hard-hard', { link }))
    assert.deepEqual([code, technique], [3, 'relay'], said)
    assert.deepEqual([plan.get('birthday'), plan.get('predict')], ['skip: both-random', 'skip: both-random'])
    assert.equal(explanation.conclusion.code, 'both-random')
  })

  it('a stream goes on, and nothing is left of the sockets but what the link uses', LIMIT, async t => {
    const { lab, start, alice: peer, hubAddress } = await journey(t, { hub, natA: hard, natB: easy, alice, bob })
    const before = await socketsOf(lab, 'alice')
    const many = ['--until', 'direct', '--count', '40', '--interval', '0.05']
    const pings = start('bob', 'ping', peer, '--hub', hubAddress, ...many, '--deadline', '60')
    await pings.event(({ event, path }) => event === 'pong' && path === 'direct')
    // its own socket of the 256, one between the switch and the engine, and the engine's that takes links, which stays
    await until(async () => (await socketsOf(lab, 'alice')) <= before + 3)
    const { code, stdout } = await pings.ended
    assert.equal(code, 0, stdout)
    const events = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    const seqs = events.flatMap(({ event, seq }) => (event === 'pong' ? [seq] : []))
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
      'every ping is answered once, in order'
    )
    await until(async () => (await socketsOf(lab, 'alice')) <= before + 1)
  })
})

describe('NATs that give one port after the other, by prediction', { skip: NO_SIM_ROUTER }, () => {
  for (const [what, natA, natB] of [
    ['on the side that dials', easy, sequential],
    ['on the side that is dialled', sequential, easy],
    ['on both sides', sequential, sequential]
  ] as const) {
    it(what, LIMIT, async t => {
      const { code, technique, explanation, said } = await ping(t, { hub, natA, natB, alice, bob })
      const { mine, theirs } = explanation
      const why = guess(mine ?? undefined, theirs ?? undefined)
      // a busy machine may send what is to show the order of ports in another order
      t.diagnostic(why)
      assert.deepEqual([code, technique], BY[why] ?? [], said)
    })
  }
})

/** What there is to be guessed, and what finds it. */
const BY: Readonly<Record<string, readonly [number, string]>> = {
  'ports-in-sequence': [0, 'predict'],
  'one-side-random': [0, 'birthday'],
  'random-and-varying': [3, 'relay'],
  'both-random': [3, 'relay']
}

describe('two hosts behind one NAT that does not hairpin', { skip: NO_LAB }, () => {
  it('by their local addresses', LIMIT, async t => {
    const { code, technique, said } = await ping(t, preset('same-nat', { link }))
    assert.deepEqual([code, technique], [0, 'local'], said)
  })

  it('not where nothing but the relay is allowed, which is what the explanation says', LIMIT, async t => {
    const { code, technique, explanation, said } = await ping(t, preset('same-nat', { link }), ['--only', 'relay'])
    assert.deepEqual([code, technique, explanation.conclusion.code], [3, 'relay', 'all-skipped'], said)
    const helps = explanation.help.map(({ code }) => code)
    assert.deepEqual(helps, ['allow-techniques'])
  })
})

/** UDP sockets in a host. */
/** Announcements of routers, UPnP's search, mDNS: opened and closed when the node has time for it. */
const OF_THE_LAN = /:(14E6|076C|14E9)$/

async function socketsOf(lab: Lab, host: string): Promise<number> {
  const { stdout } = await lab.exec(host, ['cat', '/proc/net/udp', '/proc/net/udp6'])
  const own = stdout.split('\n').flatMap(line => /^\s*\d+: (\S+)/.exec(line)?.[1] ?? [])
  return own.filter(local => /^(0+|0100007F):/.test(local) && !OF_THE_LAN.test(local)).length
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (!(await reached())) if (performance.now() > deadlineMs) throw new Error('it was not reached')
}
