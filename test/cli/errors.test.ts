import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { NO_LAB } from '../lab/available.ts'
import { bench, MAIN, Program } from './beeline.ts'

const ID = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const NOBODY = `/ip4/127.0.0.1/tcp/1/p2p/${ID}`

/** Arguments, the exit code, and what the one line on stderr says: the cause and the next step. */
const ROWS: ReadonlyArray<readonly [what: string, args: readonly string[], code: number, says: readonly RegExp[]]> = [
  [
    'nothing listens at the hub (TCP)',
    ['ping', ID, '--hub', NOBODY],
    1,
    [/connection refused/, /beeline hub/, /TCP port 1/]
  ],
  [
    'nothing listens at the hub (UDP), within the deadline',
    ['ping', ID, '--hub', `/ip4/127.0.0.1/udp/1/quic-v1/p2p/${ID}`, '--deadline', '2'],
    1,
    [/nothing came back/, /UDP port 1/]
  ],
  ['up, too', ['up', '--hub', NOBODY], 1, [/connection refused/, /beeline hub/]],
  ['perf, too', ['perf', ID, '--hub', NOBODY, '--mb', '1'], 1, [/connection refused/, /beeline hub/]],
  [
    "a hub's name that does not resolve",
    ['ping', ID, '--hub', `/dns4/hub.invalid/udp/4001/quic-v1/p2p/${ID}`],
    1,
    [/does not resolve/]
  ],
  ['a malformed hub address', ['ping', ID, '--hub', '127.0.0.1:4001'], 2, [/127\.0\.0\.1:4001/, /looks like \/ip4/]],
  ['a hub address without a peer id', ['up', '--hub', '/ip4/127.0.0.1/tcp/4001'], 2, [/looks like \/ip4/]],
  ['a malformed peer id', ['ping', 'alice', '--hub', NOBODY], 2, [/alice is not a peer id/, /beeline up/]],
  ['no hub', ['ping', ID], 2, [/--hub/, /BEELINE_HUB/, /beeline\/hubs, one a line/]],
  ['no hub to be up at', ['up'], 2, [/--hub/]],
  ['no peer', ['ping', '--hub', NOBODY], 2, [/peer/]],
  ['an unknown command', ['pign'], 2, [/unknown command/, /ping/]],
  ['a count of no number', ['ping', ID, '--hub', NOBODY, '--count', 'many'], 2, [/--count/, /whole number/]],
  ['a key file that is no key', ['ping', ID, '--hub', NOBODY, '--key', import.meta.filename], 2, [/key file/, /--key/]],
  [
    "a hub on another machine's address",
    ['hub', '--host', '192.0.2.1'],
    1,
    [/192\.0\.2\.1/, /address of this machine/]
  ],
  ['a hub on no address', ['hub', '--host', 'localhost'], 2, [/localhost is not an IP address/]],
  ['a port beyond the last', ['hub', '--port', '65536'], 2, [/0 to 65535/]]
]

describe('what can go wrong is one line with the cause and the next step', { concurrency: 2 }, () => {
  for (const [what, args, code, says] of ROWS) {
    it(what, async t => {
      const { run } = await bench(t)
      const ended = await run(...args)
      assert.equal(ended.code, code, ended.stderr)
      assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr)
      for (const pattern of says) assert.match(ended.stderr, pattern)
      assert.equal(ended.stdout, '')
    })
  }

  it('with --json, stdout has the summary and nothing else', async t => {
    const { run } = await bench(t)
    const { code, stdout, stderr } = await run('ping', ID, '--hub', NOBODY, '--json')
    assert.equal(code, 1)
    const { conclusion, help, ...facts } = JSON.parse(stdout).explanation
    assert.deepEqual(facts, { peer: ID, path: null, mine: null, theirs: null, plan: [], attempts: [], lookups: [] })
    assert.equal(conclusion.code, 'not-connected')
    assert.equal(stderr.trim(), `beeline: ${conclusion.text.replace('not connected: ', '')}`)
    assert.deepEqual(
      help.map(({ code, where }: Record<string, string>) => [code, where]),
      [['check-hub', 'hub']]
    )
    const { explanation: _, ...summary } = JSON.parse(stdout)
    assert.deepEqual(summary, {
      event: 'summary',
      connected: false,
      direct: false,
      technique: null,
      msFirstByte: null,
      msDirect: null,
      attempts: []
    })
  })

  it('a port that somebody has, TCP', async t => {
    const { run, data } = await bench(t)
    const server = createServer()
    t.after(() => server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const args = ['hub', '--host', '127.0.0.1', '--port', '0', '--http-port', `${port}`, '--data', data]
    const { code, stderr } = await run(...args)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`TCP port ${port} on 127.0.0.1 is taken.*--http-port`))
  })

  it('a port that somebody has, UDP', async t => {
    const { run, hub, data } = await bench(t)
    const { addrs } = await hub()
    const port = /udp\/(\d+)/.exec(addrs[0]!)![1]!
    const args = ['hub', '--host', '127.0.0.1', '--port', port, '--http-port', '0', '--data', data]
    const { code, stderr } = await run(...args)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`UDP port ${port} on 127.0.0.1 is taken`))
  })

  it('a hub with another identity than the address says', async t => {
    const { run, hub } = await bench(t)
    const { addrs, id } = await hub()
    for (const address of addrs) {
      const { code, stderr } = await run('ping', ID, '--hub', address.replace(id, ID))
      assert.equal(code, 1)
      assert.match(stderr, /another identity answers: copy its address/, address)
    }
  })

  it('a peer that is not at the hub, at once', async t => {
    const { run, hub } = await bench(t)
    const { addrs } = await hub()
    const { code, stderr } = await run('ping', ID, '--hub', addrs[0]!)
    assert.equal(code, 1)
    assert.match(stderr, /is not at the hub .* is it running, with the same hub\?/)
  })

  it('no network', { skip: NO_LAB }, async t => {
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    for (const hub of ['/ip4/192.0.2.1/udp/4001/quic-v1', '/dns4/hub.invalid/tcp/4001']) {
      const args = [MAIN, 'ping', ID, '--hub', `${hub}/p2p/${ID}`]
      const child = spawn('unshare', ['--net', ...user, process.execPath, ...args], { stdio: 'pipe' })
      t.after(() => child.kill('SIGKILL'))
      const { code, stderr } = await new Program(child).ended
      assert.equal(code, 1)
      assert.match(stderr, /^beeline: this machine has no network: connect it to one, then try again\n$/)
    }
  })

  it('our own id', async t => {
    const { run, hub, up, data } = await bench(t)
    const { addrs } = await hub()
    const key = `${data}/own.key`
    const { id } = await up(addrs[0]!, '--key', key)
    const { code, stderr } = await run('ping', id, '--hub', addrs[0]!, '--key', key)
    assert.equal(code, 2)
    assert.match(stderr, /own id/)
  })
})
