import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { bench } from '../../cli/beeline.ts'

const TOKEN = 'c2VjcmV0LXRva2Vu'
const ANOTHER = 'YW5vdGhlcg'
const THIRD = 'dGhpcmQ'
const ALICE = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'

/** A hub with a configuration file, in a folder of its own. */
async function configured(t: TestContext, config: object, flags: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const programs = await bench(t, env)
  const file = join(programs.data, 'hub.json')
  const write = (next: object) => writeFile(file, JSON.stringify(next))
  await write({ hosts: ['127.0.0.1'], port: 0, httpPort: 0, stunPort: 0, data: '.', ...config })
  const program = programs.start('hub', '--config', file, '--json', ...flags)
  const { addrs, access } = (await program.event(({ event }) => event === 'ready')) as unknown as {
    addrs: string[]
    access: string
  }
  const hub = addrs.find(each => each.includes('/quic-v1'))!
  return { ...programs, program, file, write, hub, access }
}

describe('beeline with a hub that is not open to all', () => {
  it('tokens of the file, of a flag and of a token file count; who has none is told why', async t => {
    const file = join((await bench(t)).data, 'tokens')
    await writeFile(file, `# those of the summer\n\n${THIRD}\n`)
    const flags = ['--token', ANOTHER, '--token-file', file]
    const { start, run, hub, access } = await configured(t, { access: { tokens: [TOKEN] } }, flags)
    assert.equal(access, 'restricted')
    const without = await run('up', '--hub', hub)
    assert.equal(without.code, 1)
    assert.match(without.stderr, /^beeline: the hub 12D3\S+ does not allow a reservation: .* give it with --token\n$/)
    const wrong = await run('up', '--hub', hub, '--token', 'wrong')
    assert.match(wrong.stderr, /does not know that token/)
    for (const token of [TOKEN, ANOTHER, THIRD]) {
      const up = start('up', '--hub', hub, '--json', '--token', token)
      await up.event(({ event }) => event === 'ready')
      await up.interrupt()
    }
  })

  it('ping and up take the token from the environment as well', async t => {
    const { start, run, hub } = await configured(t, { access: { tokens: [TOKEN] } }, [], { BEELINE_TOKEN: TOKEN })
    const up = start('up', '--hub', hub, '--json')
    const { id } = (await up.event(({ event }) => event === 'ready')) as { id?: string }
    const pinged = await run('ping', id!, '--hub', hub, '--count', '1')
    assert.equal(pinged.code, 0, pinged.stderr)
    const { stdout, stderr } = await up.interrupt()
    assert.doesNotMatch(stdout + stderr + pinged.stdout + pinged.stderr, new RegExp(TOKEN))
  })

  it('SIGHUP: the file is read again, and what is wrong with it changes nothing', async t => {
    const { program, start, run, write, hub, data } = await configured(t, { access: { tokens: [TOKEN] } })
    const reread = async (times: number) => {
      program.child.kill('SIGHUP')
      await program.event(() => program.events.filter(({ event }) => event === 'reread').length === times)
    }
    await write({ access: { tokens: [ANOTHER] }, limits: { maxReservations: 1 } })
    await reread(1)
    assert.match((await run('up', '--hub', hub, '--token', TOKEN)).stderr, /does not know that token/)
    const up = start('up', '--hub', hub, '--json', '--token', ANOTHER)
    await up.event(({ event }) => event === 'ready')
    const as = (name: string) => ['--key', join(data, `${name}.key`)]
    const second = await run('up', '--hub', hub, '--token', ANOTHER, ...as('second'))
    assert.match(second.stderr, /it keeps at most 1 at once/)
    await write({ access: { tokens: [] } })
    const complaint = new Promise<string>(resolve => program.child.stderr!.once('data', data => resolve(`${data}`)))
    program.child.kill('SIGHUP')
    assert.match(await complaint, /nothing is changed: .*hub\.json: access\.tokens is empty/)
    assert.match((await run('up', '--hub', hub, '--token', TOKEN, ...as('third'))).stderr, /does not know that token/)
    const { stdout, stderr, code } = await program.interrupt()
    assert.equal(code, 0)
    for (const token of [TOKEN, ANOTHER]) assert.doesNotMatch(stdout + stderr, new RegExp(token))
  })

  it('flags count more than the file', async t => {
    const { hub, start, run, data } = await configured(t, { limits: { maxReservations: 5 } }, [
      '--max-reservations',
      '1'
    ])
    const up = start('up', '--hub', hub, '--json')
    await up.event(({ event }) => event === 'ready')
    const second = await run('up', '--hub', hub, '--key', join(data, 'second.key'))
    assert.match(second.stderr, /it keeps at most 1 at once/)
  })
})

describe('what cannot be used is said in one line, without secrets', () => {
  const rows: ReadonlyArray<readonly [what: string, config: object | undefined, flags: string[], says: RegExp]> = [
    ['a file that is not there', undefined, [], /hub\.json cannot be read \(ENOENT\)/],
    ['a key that there is not', { tokens: [TOKEN] }, [], /hub\.json: tokens is unknown: there are hosts/],
    ['a limit that there is not', { limits: { peers: 1 } }, [], /there is no limits\.peers/],
    ['a token with spaces', { access: { tokens: [`${TOKEN} `] } }, [], /access\.tokens\[0\]: a token is made of/],
    ['an id that is none', {}, ['--allow', 'bob'], /bob is not a peer id/],
    ['a rate of no number', {}, ['--bandwidth', 'fast'], /--bandwidth.*bytes, such as 500k, 10M or 2G/],
    ['a rate that is too low', {}, ['--bandwidth', '9k'], /limits\.bytesPerSecond is a whole number from 10000/],
    ['a token file without tokens', {}, ['--token-file', '/dev/null'], /has no token in it/]
  ]
  for (const [what, config, flags, says] of rows) {
    it(what, async t => {
      const { run, data } = await bench(t)
      const file = join(data, 'hub.json')
      if (config == null) await rm(file, { force: true })
      else await writeFile(file, JSON.stringify(config))
      const { code, stdout, stderr } = await run('hub', '--config', file, ...flags)
      assert.equal(code, 2, stderr)
      assert.match(stderr, says)
      assert.equal(stderr.trim().split('\n').length, 1, stderr)
      assert.doesNotMatch(stdout + stderr, new RegExp(TOKEN))
    })
  }

  it('a token and two hubs', async t => {
    const { run } = await bench(t)
    const hubs = [
      `/ip4/127.0.0.1/tcp/1/p2p/${ALICE}`,
      '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'
    ]
    const { code, stderr } = await run('ping', ALICE, '--hub', hubs.join(','), '--token', TOKEN)
    assert.equal(code, 2)
    assert.match(stderr, /2 hubs were given: say whose token it is, as HUBID=TOKEN/)
  })
})
