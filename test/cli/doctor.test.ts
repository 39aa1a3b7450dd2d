import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, it, type TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { NO_LAB } from '../lab/available.ts'
import { bench, type Ended, MAIN, Program } from './beeline.ts'

const ID = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const HUB = `/ip4/192.0.2.1/udp/4001/quic-v1/p2p/${ID}`
const TRANSPORT = [
  'ok',
  'public',
  'mapping',
  'filtering',
  'portAllocation',
  'hairpin',
  'mappingLifetimeSeconds',
  'local',
  'translated',
  'mappingPossible',
  'filteringPossible',
  'portStep',
  'portParity',
  'publicAddresses',
  'pathMtu',
  'unknowns'
]
/** The contract's, and what has come to it since. */
const REPORT = [
  'udp4',
  'udp6',
  'tcp4',
  'portMapping',
  'natLayers',
  'cgnat',
  'proxy',
  'reachability',
  'hubs',
  'advice',
  'tcp6',
  'ipv6',
  'uplinks',
  'hops',
  'captivePortal',
  'addresses',
  'forecast',
  'dataPlane'
]

/** Runs it in a network namespace of its own, where there is nobody: this machine's routers are not bothered. */
async function alone(t: TestContext, argv: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const child = spawn('unshare', ['--net', ...user, ...argv], { env: { ...process.env, ...env }, stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  return await new Program(child).ended
}

function doctor(...args: string[]): string[] {
  return [process.execPath, MAIN, 'doctor', ...args]
}

describe('beeline doctor, where there is nobody to ask', { skip: NO_LAB }, () => {
  it('prints one line of JSON with every field of the contract', async t => {
    const env = { HTTPS_PROXY: 'http://me:secret@proxy.example:3128' }
    const { code, stdout, stderr } = await alone(t, doctor('--json'), env)
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(stdout.trim().split('\n').length, 1)
    const report = JSON.parse(stdout)
    assert.deepEqual(Object.keys(report).toSorted(), REPORT.toSorted())
    for (const transport of [report.udp4, report.udp6, report.tcp4, report.tcp6]) {
      assert.deepEqual(Object.keys(transport).toSorted(), TRANSPORT.toSorted())
      assert.equal(transport.ok, false)
    }
    for (const protocol of ['pcp', 'natPmp', 'upnp']) {
      assert.equal(report.portMapping[protocol].reason, 'no-gateway', protocol)
    }
    assert.match(report.proxy.url, /^http:\/\/proxy\.example:3128\/?$/)
    assert.deepEqual(
      [report.hubs, report.advice.map(({ code }: { code: string }) => code), report.reachability],
      [[], ['no-hub', 'http-proxy'], 'unknown']
    )
  })

  it('a hub cannot be reached: exit code 1 and a line that says why, after what can be known', async t => {
    const { code, stdout, stderr } = await alone(t, doctor('--hub', HUB))
    assert.equal(code, 1)
    assert.match(stderr, /^beeline: this machine has no network: .*\n$/)
    assert.match(stdout, /^ {2}no {2}no answer +12D3Koo/m)
    assert.match(stdout, /^ {2}1 {2}Nothing has answered/m)
  })

  it('a silent hub does not make the report late: everybody else is asked meanwhile', async t => {
    const start = performance.now()
    await alone(t, doctor('--json'))
    const bootMs = performance.now() - start
    const network = [
      'ip link set lo up',
      'ip link add out type veth peer name nobody',
      'ip link set nobody up',
      'ip link set out up',
      'ip addr add 192.0.2.9/24 dev out',
      'ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev out'
    ].join(' && ')
    const again = performance.now()
    const { code, stdout, stderr } = await alone(t, [
      'sh',
      '-c',
      `${network} && exec "$@"`,
      'sh',
      ...doctor('--json', '--hub', HUB)
    ])
    const tookMs = performance.now() - again - bootMs
    assert.deepEqual([code, JSON.parse(stdout).hubs], [1, [{ id: ID, rttMs: null }]])
    assert.match(stderr, /^beeline: no hub answers at .*\n$/)
    // 5 s for the hub and 3 s for everybody else, one after the other, would be eight
    assert.ok(tookMs < 7_000, `${tookMs} ms`)
  })

  it('on a terminal: boxes, colours, and a progress line that is gone in the end', async t => {
    const command = doctor().join(' ')
    const env = { TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '', FORCE_COLOR: '' }
    const { stdout } = await alone(t, ['script', '-qec', command, '/dev/null'], env)
    assert.match(stripVTControlCharacters(stdout), /│ this machine/)
    assert.ok(stdout.includes('\x1b[32m'), 'colours')
    const lines = stdout.split('\n')
    const shown = lines.findIndex(line => line.includes('┌'))
    // all of it is written over, on the line that the page begins in
    const progress = lines.slice(0, shown).join('\n')
    assert.match(stripVTControlCharacters(progress), /asking .* \d\.\d s/)
    assert.ok(progress.trimEnd().endsWith('\r\x1b[2K'), JSON.stringify(progress))
  })
})

/** Arguments, and what the one line on stderr says; the exit code is 2. */
const WRONG: ReadonlyArray<readonly [string, readonly string[], RegExp]> = [
  ['a malformed hub address', ['--hub', '192.0.2.1:4001'], /looks like \/ip4/],
  ['a key file that is no key', ['--hub', HUB, '--key', import.meta.filename], /key file/],
  ['a deadline that is no time', ['--deadline', 'soon'], /--deadline/],
  ['a word too many', ['now'], /too many arguments/]
]

describe('beeline doctor, wrongly asked', { concurrency: 2 }, () => {
  for (const [what, args, says] of WRONG) {
    it(what, async t => {
      const { run } = await bench(t)
      const { code, stdout, stderr } = await run('doctor', ...args)
      assert.deepEqual([code, stdout, stderr.trim().split('\n').length], [2, '', 1], stderr)
      assert.match(stderr, says)
    })
  }
})
