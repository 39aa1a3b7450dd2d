import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NO_LAB } from './available.ts'

const MAIN = fileURLToPath(new URL('../../lab/main.ts', import.meta.url))

let folder: string

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, XDG_RUNTIME_DIR: folder }, stdio: 'pipe' })
}

async function lab(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(...args)
  let [stdout, stderr] = ['', '']
  child.stdout!.on('data', chunk => {
    stdout += chunk
  })
  child.stderr!.on('data', chunk => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

describe('the lab command', { skip: NO_LAB }, () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lab-test-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  test('run: the command in the host, its output and its exit code', async () => {
    const script = 'ip -4 -brief address show dev eth0; exit 7'
    const { code, stdout, stderr } = await lab('run', 'same-nat', 'bob', '--delay', '5', '--', 'sh', '-c', script)
    assert.deepEqual([code, stderr], [7, ''])
    assert.match(stdout, /^eth0@\S+ +UP +192.168.2.11\/24/)
    assert.equal((await lab('run', 'public', 'bob', '--', 'sh', '-c', 'kill -TERM $$')).code, 143)
  })

  test('run: a spec from a file', async () => {
    const file = join(folder, 'spec.json')
    writeFileSync(file, JSON.stringify({ only: {} }))
    assert.equal((await lab('run', file, 'only', '--', 'true')).code, 0)
    const refused = await lab('run', file, 'only', '--loss', '1', '--', 'true')
    assert.deepEqual([refused.code, refused.stderr], [1, 'lab: links and IPv6 of a spec of your own are in its file\n'])
  })

  const wrong: [RegExp, string[]][] = [
    [/^lab: no preset 'nope': there are public,/, ['run', 'nope', 'alice', '--', 'true']],
    [/^lab: no 'carol' in this lab, only hub, alice, bob\n$/, ['run', 'public', 'carol', '--', 'true']],
    [/^lab: no lab is up: /, ['exec', 'alice', '--', 'true']],
    [/missing required argument 'command'/, ['run', 'public', 'alice']],
    [/'--delay <ms>' argument 'x' is invalid/, ['run', 'public', 'alice', '--delay', 'x', '--', 'true']],
    [/^lab: lab node 'alice': lossPercent is 0 to 100/, ['run', 'public', 'alice', '--loss', '101', '--', 'true']]
  ]
  for (const [message, args] of wrong) {
    test(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await lab(...args)
      assert.match(stderr, message)
      assert.deepEqual([code, stdout], [1, ''])
    })
  }

  test('up, exec, list, and the end of it', async () => {
    const up = start('up', 'easy-hard')
    const [table] = (await once(up.stdout!, 'data')) as [Buffer]
    assert.match(table.toString(), /^hub +11.1.0.10, 11.1.0.11\n/)
    assert.match(table.toString(), /\nalice +192.168.2.10 +behind natA +seen as 11.2.0.10\n/)
    assert.equal((await lab('exec', 'alice', '--', 'sh', '-c', 'exit 9')).code, 9)
    assert.match((await lab('exec', 'carol', '--', 'true')).stderr, /^lab: no 'carol' in the lab, only hub,/)
    assert.match((await lab('up', 'public')).stderr, /^lab: a lab is up already \(easy-hard\)/)
    assert.match((await lab('list')).stdout, /\nup: easy-hard \(hub, natA/)
    up.kill('SIGINT')
    assert.deepEqual(await once(up, 'exit'), [0, null])
    assert.match((await lab('exec', 'alice', '--', 'true')).stderr, /^lab: no lab is up/)
  })

  test('what a killed `up` leaves in the state file is not believed', async () => {
    const up = start('up', 'public')
    await once(up.stdout!, 'data')
    up.kill('SIGKILL')
    await once(up, 'exit')
    // the keeper ends when it notices that the pipe is closed
    const endMs = performance.now() + 2000
    while (!/no lab is up/.test((await lab('exec', 'alice', '--', 'true')).stderr)) assert.ok(performance.now() < endMs)
    const again = start('up', 'public')
    await once(again.stdout!, 'data')
    again.kill('SIGTERM')
    assert.deepEqual(await once(again, 'exit'), [0, null])
  })

  test('nor a state file that is a link', async () => {
    const name = join(folder, `beeline-lab-${process.getuid!()}.json`)
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, 'untouched')
    symlinkSync(elsewhere, name)
    assert.match((await lab('exec', 'alice', '--', 'true')).stderr, /^lab: no lab is up/)
    rmSync(name)
  })
})
