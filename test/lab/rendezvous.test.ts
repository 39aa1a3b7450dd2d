import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { type Lab, openLab } from '../../lab/lab.ts'
import { MAIN, Program } from '../cli/beeline.ts'
import { NO_REDIS } from '../hub/store/redis-server.ts'
import { NO_LAB } from './available.ts'

const link = { delayMs: 10 }
const NAT = { mapping: 'endpoint-independent', link } as const

/** Two hubs that share a Redis, and two peers behind a NAT each. */
async function fleet(t: TestContext) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-fleet-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const lab = await openLab({
    store: {},
    hub1: {},
    hub2: {},
    natA: NAT,
    natB: NAT,
    alice: { behind: 'natA' },
    bob: { behind: 'natB' }
  })
  t.after(() => lab.close())
  await redis(lab, data)
  const start = (host: string, ...args: string[]): Program => {
    const env = { ...process.env, XDG_CONFIG_HOME: join(data, host), BEELINE_HUB: '', BEELINE_TOKEN: '' }
    return new Program(lab.spawn(host, [process.execPath, MAIN, ...args, '--json'], { env, stdio: 'pipe' }))
  }
  return {
    lab,
    start,
    async hub(host: string, ...args: string[]) {
      const { ip } = lab.host(host)
      const program = start(host, 'hub', '--host', ip, '--store', `redis://${lab.host('store').ip}:6379`, ...args)
      const { id, addrs } = (await program.event(isReady)) as { id?: string; addrs?: string[] }
      return { program, ip, id: id!, address: addrs![0]! }
    },
    /** Alice, once that hub has her record. */
    async up(hub: string, ...args: string[]) {
      const program = start('alice', 'up', '--hub', hub, ...args)
      const { id } = (await program.event(isReady)) as { id?: string }
      await program.event(({ event, ok }) => event === 'registered' && ok === true)
      return { program, id: id! }
    },
    async bob(...args: string[]) {
      const { code, stdout, stderr } = await start('bob', ...args).ended
      const events = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      return { code, stderr, events, summary: events.at(-1) }
    }
  }
}

const isReady = ({ event }: { readonly event: string }) => event === 'ready'

/** Gone with the lab. */
async function redis(lab: Lab, folder: string): Promise<void> {
  const bound = ['--bind', lab.host('store').ip, '--port', '6379', '--protected-mode', 'no']
  const server = lab.spawn('store', ['redis-server', ...bound, '--save', '', '--dir', folder], { stdio: 'pipe' })
  for await (const line of createInterface({ input: server.stdout! })) {
    if (line.includes('Ready to accept connections')) return
  }
  throw new Error('redis-server ended')
}

describe('two hubs that share a Redis', { skip: NO_LAB || NO_REDIS }, () => {
  it('a peer that is at one of them is found through the other, and reached there', async t => {
    const { hub, up, bob } = await fleet(t)
    const [hers, his] = [await hub('hub1'), await hub('hub2')]
    const alice = await up(hers.address)
    const { code, stderr, events, summary } = await bob('ping', alice.id, '--hub', his.address, '--until', 'direct')
    assert.equal(code, 0, stderr)
    const [first] = events.filter(({ event }) => event === 'path')
    assert.deepEqual([first.path, first.remote.split(':')[0]], ['relay', hers.ip], 'it begins over her hub')
    assert.equal(summary.direct, true)
    const { lookups } = summary.explanation
    assert.deepEqual(
      lookups.map(({ hub, outcome }: Record<string, string>) => [hub, outcome]),
      [[his.id, 'found']]
    )
  })

  it('a peer that has said goodbye to one of them is gone from the other, too', async t => {
    const { hub, up, bob } = await fleet(t)
    const [hers, his] = [await hub('hub1'), await hub('hub2')]
    const alice = await up(hers.address)
    await alice.program.interrupt()
    const { code, stderr, summary } = await bob('ping', alice.id, '--hub', his.address)
    assert.equal(code, 1)
    assert.match(stderr, /has said goodbye/)
    assert.deepEqual(
      summary.explanation.lookups.map(({ outcome }: Record<string, string>) => outcome),
      ['left']
    )
  })

  it('a peer whose hub is for her alone is called, and comes', async t => {
    const { hub, up, bob, start } = await fleet(t)
    const his = await hub('hub2')
    // her key, before there is a hub that knows it
    const before = start('alice', 'up', '--hub', his.address)
    const { id } = await before.event(isReady)
    await before.interrupt()
    const hers = await hub('hub1', '--allow', `${id}`)
    const alice = await up(hers.address)
    assert.equal(alice.id, id)
    const { code, stderr, summary } = await bob('ping', alice.id, '--hub', his.address, '--until', 'direct')
    assert.equal(code, 0, stderr)
    assert.equal(summary.direct, true)
    assert.ok(alice.program.events.some(({ event }) => event === 'path'))
  })
})
