import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Explanation } from '../../src/traversal/explain.ts'
import { bench, lines } from './beeline.ts'

/** On loopback everything would work, and at once: one way makes the outcome certain. */
const ONE_WAY = ['--allow-private', '--only', 'punch-quic']

const isDirect = ({ event, path }: Record<string, unknown>) => event === 'pong' && path === 'direct'

/** Everything on loopback: there is no NAT, but a relay, a punch and a direct path all the same. */
describe('hub, up, ping and perf on loopback', { concurrency: 2 }, () => {
  it('say what the contract says, with every field of the right kind', async t => {
    const { hub, up, run } = await bench(t)
    const { program, id, addrs } = await hub()
    assert.deepEqual(Object.keys(program.events[0]!), ['event', 'id', 'addrs', 'http', 'stun', 'access'])
    assert.match(String(program.events[0]!['http']), /^http:\/\/127\.0\.0\.1:\d+$/)
    const port = /udp\/(\d+)/.exec(addrs[0]!)![1]
    const ws = /tcp\/(\d+)\/ws/.exec(addrs[2]!)![1]
    const at = '/ip4/127.0.0.1'
    assert.deepEqual(addrs, [
      `${at}/udp/${port}/quic-v1/p2p/${id}`,
      `${at}/tcp/${port}/p2p/${id}`,
      `${at}/tcp/${ws}/ws/p2p/${id}`
    ])
    const alice = await up(addrs[0]!, ...ONE_WAY)
    assert.deepEqual(Object.keys(alice.program.events[0]!), ['event', 'id', 'addrs'])

    const args = ['ping', alice.id, '--hub', addrs[0]!, ...ONE_WAY, '--json']
    const ping = await run(...args, '--until', 'direct', '--count', '2', '--interval', '0.1')
    assert.equal(ping.code, 0, ping.stderr)
    const events = lines(ping.stdout)
    const pongs = events.filter(({ event }) => event === 'pong')
    for (const [index, pong] of pongs.entries()) {
      assert.deepEqual(Object.keys(pong), ['event', 'seq', 'path', 'transport', 'remote', 'rttMs'])
      assert.equal(pong['seq'], index + 1)
      assert.match(String(pong['remote']), /^\S+:\d+$/)
      assert.ok((pong['rttMs'] as number) > 0)
    }
    // on one machine the direct path may be there before the first byte is back
    assert.equal(pongs.at(-1)!['path'], 'direct')
    assert.equal(pongs.filter(({ path }) => path === 'direct').length, 2)
    const paths = events.filter(({ event }) => event === 'path')
    assert.deepEqual(
      paths.slice(0, 2).map(({ path, reason }) => [path, reason]),
      [
        ['relay', 'first'],
        ['direct', 'validated']
      ]
    )
    for (const each of paths) {
      const keys = ['event', 'path', 'transport', 'remote', 'reason', 'technique', 'rttMs', 'atMs']
      assert.deepEqual(Object.keys(each), keys)
    }
    const { attempts, msFirstByte, msDirect, explanation, ...rest } = events.at(-1)!
    assert.deepEqual(rest, { event: 'summary', connected: true, direct: true, technique: 'punch-quic' })
    assert.ok((msFirstByte as number) > 0 && (msDirect as number) >= (msFirstByte as number))
    assert.deepEqual(
      (attempts as Record<string, unknown>[]).map(({ technique, outcome, reason }) => ({ technique, outcome, reason })),
      [{ technique: 'punch-quic', outcome: 'ok', reason: 'connected' }]
    )
    const explained = explanation as Explanation
    assert.deepEqual([explained.peer, explained.path?.kind, explained.conclusion.code], [alice.id, 'direct', 'direct'])
    assert.deepEqual(explained.help, [])
    // what the other side says meanwhile: first the relay, then the direct path
    await alice.program.event(({ event }) => event === 'closed')
    const path = alice.program.events.filter(({ event }) => event === 'path').map(event => event['path'])
    // this machine has several addresses, and the best one is found last
    assert.match(path.join(' '), /^relay( direct)+$/)
  })

  it('private addresses stay out of it unless they are allowed: relayed, exit code 3, and the reason', async t => {
    const { hub, up, run } = await bench(t)
    const { addrs } = await hub()
    const { id } = await up(addrs[0]!)
    const args = ['ping', id, '--hub', addrs[0]!, '--until', 'direct', '--deadline', '20', '--json']
    const { code, stdout, stderr } = await run(...args)
    const { connected, direct, explanation } = lines(stdout).at(-1)!
    assert.deepEqual({ code, connected, direct }, { code: 3, connected: true, direct: false })
    assert.match(stderr, /over a relay only/)
    const { path, conclusion, attempts } = explanation as Explanation
    assert.equal(path?.kind, 'relay')
    const tried = attempts.filter(({ technique }) => technique !== 'relay')
    assert.ok(tried.length > 0 && tried.every(({ outcome }) => outcome !== 'ok'))
    assert.match(conclusion.text, /^relayed: /)
    const people = await run(...args.filter(each => each !== '--json'))
    assert.match(
      people.stdout,
      new RegExp(`^relayed: first byte after \\d+ ms\n\n${conclusion.text.slice(0, 40)}`, 'm')
    )
    assert.match(people.stdout, /^ {2}punch-quic +(failed|skipped) .*[a-z-]+: \w+/m)
  })

  it('perf counts what arrives, over the path that was asked for', async t => {
    const { hub, up, run } = await bench(t)
    const { addrs } = await hub()
    const { id } = await up(addrs[0]!, '--allow-private')
    const args = ['perf', id, '--hub', addrs[0]!, '--mb', '5', '--json', '--allow-private']
    const first = lines((await run(...args)).stdout)[0]!
    assert.deepEqual([first['event'], first['MB']], ['perf', 5])
    const direct = lines((await run(...args, '--until', 'direct', '--transport', 'quic')).stdout)[0]!
    assert.deepEqual([direct['path'], direct['transport']], ['direct', 'quic'])
    assert.ok((direct['MBps'] as number) > 0)
  })

  it('Ctrl-C ends a ping with its summary, and `up` and `hub` with 0', async t => {
    const { hub, up, start } = await bench(t)
    const { program, addrs } = await hub()
    const alice = await up(addrs[0]!)
    const ping = start('ping', alice.id, '--hub', addrs[0]!, '--count', '1000', '--interval', '0.2', '--json')
    await ping.event(({ event }) => event === 'pong')
    const { code, stdout } = await ping.interrupt()
    assert.deepEqual([code, lines(stdout).at(-1)!['event']], [0, 'summary'])
    assert.equal((await alice.program.interrupt()).code, 0)
    assert.equal((await program.interrupt()).code, 0)
  })

  it('a reader that goes away ends it in silence', async t => {
    const { hub, up, start } = await bench(t)
    const { addrs } = await hub()
    const { id } = await up(addrs[0]!)
    const ping = start('ping', id, '--hub', addrs[0]!, '--count', '1000', '--interval', '0.05')
    await once(ping.child.stdout!, 'data')
    ping.child.stdout!.destroy()
    const { code, stderr } = await ping.ended
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('the key of `up` is kept in the configuration folder, for its owner only, and gives the same id again', async t => {
    const { hub, up, data } = await bench(t)
    const { addrs } = await hub()
    const first = await up(addrs[0]!)
    await first.program.interrupt()
    const again = await up(addrs[0]!)
    assert.equal(again.id, first.id)
    const { mode } = await stat(join(data, 'config', 'beeline', 'peer.key'))
    assert.equal(mode & 0o777, 0o600)
  })

  it('people read a line per ping, and what was tried; colours on a terminal only', async t => {
    const { hub, up, run } = await bench(t)
    const { addrs } = await hub()
    const { id } = await up(addrs[0]!, ...ONE_WAY)
    const args = ['ping', id, '--hub', addrs[0]!, ...ONE_WAY, '--until', 'direct', '--interval', '0.1']
    const { stdout } = await run(...args)
    assert.match(stdout, /^ +1 {2}(relay {3}|direct {2})quic \S+:\d+ +[\d.]+ ms$/m)
    assert.match(stdout, /^direct: first byte after \d+ ms, direct after \d+ ms$/m)
    assert.match(stdout, /^ {2}punch-quic +ok +connected in \d+ ms$/m)
    assert.equal(stdout.includes('\x1b'), false)
  })
})

describe('the hub goes away and comes back', () => {
  it('direct links live on; new connects fail with a reason, and work again when it is back', async t => {
    const { hub, up, start, run } = await bench(t)
    const first = await hub()
    const [, port] = /udp\/(\d+)/.exec(first.addrs[0]!)!
    const [, httpPort] = /tcp\/(\d+)\/ws/.exec(first.addrs[2]!)!
    const address = first.addrs[0]!
    const alice = await up(address, '--allow-private')
    const way = ['--hub', address, '--allow-private', '--json']
    const ping = start('ping', alice.id, ...way, '--until', 'direct', '--count', '1000', '--interval', '0.2')
    await ping.event(isDirect)
    first.program.child.kill('SIGKILL')
    await first.program.ended

    const seen = ping.events.filter(isDirect).length
    // more than the 20 s after which QUIC takes a silent path for dead would show nothing new: there is no hub to be silent
    await ping.event(event => isDirect(event) && ping.events.filter(isDirect).length >= seen + 10)
    const refused = await run('ping', alice.id, ...way, '--deadline', '3')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /no hub answers at .*nothing came back/)

    const second = await hub(Number(port), Number(httpPort))
    assert.equal(second.id, first.id)
    await eventually(async () => (await run('ping', alice.id, ...way, '--count', '1')).code === 0)
    const { stdout } = await ping.interrupt()
    const seqs = lines(stdout).filter(({ event }) => event === 'pong')
    assert.deepEqual(
      seqs.map(({ seq }) => seq),
      seqs.map((_, index) => index + 1)
    )
  })
})

/** @throws when it does not come true within 30 s: a reservation is made again within seconds */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 30_000; !(await condition()); ) {
    assert.ok(performance.now() < endMs, 'not within 30 s')
  }
}

describe('the command line on a terminal', { skip: hasScript() }, () => {
  it('has colours, and NO_COLOR takes them away', async t => {
    const { hub, up, data } = await bench(t)
    const { addrs } = await hub()
    const { id } = await up(addrs[0]!)
    const main = join(import.meta.dirname, '../../src/cli/main.ts')
    const command = `${process.execPath} ${main} ping ${id} --hub ${addrs[0]} --count 1`
    for (const [noColor, coloured] of [
      ['', true],
      ['1', false]
    ] as const) {
      const env = { ...process.env, TERM: 'xterm', NO_COLOR: noColor, FORCE_COLOR: '', XDG_CONFIG_HOME: data }
      const child = spawn('script', ['-qec', command, '/dev/null'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let text = ''
      child.stdout.on('data', chunk => {
        text += chunk
      })
      await once(child, 'close')
      assert.match(text, /relay/)
      assert.equal(text.includes('\x1b[33m'), coloured, JSON.stringify(text))
    }
  })
})

/** `script` of util-linux gives a program a terminal. */
function hasScript(): string | false {
  return process.platform === 'linux' ? false : 'a terminal is made by script(1) of Linux'
}
