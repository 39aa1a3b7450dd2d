import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NO_LAB } from './available.ts'

const MODULE = fileURLToPath(new URL('../../lab/lab.ts', import.meta.url))

/** Opens a lab with all kinds of things in it, says so, and waits. */
const program = (mark: string) => `
  import { openLab, preset } from '${MODULE}'
  const lab = await openLab(preset('double-nat', { link: { delayMs: 5 } }))
  lab.spawn('alice', ['sleep', '${mark}'])
  // a grandchild that has lost its parent, in a session of its own
  await lab.exec('bob', ['sh', '-c', 'setsid sleep ${mark} >/dev/null 2>&1 &'])
  console.log('up ' + lab.keeperPid)
  setInterval(() => {}, 1000)`

/** What of this process's network would show that a lab has touched it. */
function ownNetwork(): string {
  const show = (...args: string[]) =>
    execFileSync('ip', args, { env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } }).toString()
  return [
    show('-oneline', 'link'),
    show('route', 'show', 'table', 'all'),
    show('netns', 'list'),
    sysctl('ip_forward')
  ].join('\n')
}

const sysctl = (name: string) => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8')

function processes(): { pid: string; command: string; net: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
        return [{ pid, command, net: readlinkSync(`/proc/${pid}/ns/net`) }]
      } catch {
        return []
      }
    })
}

async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  for (const endMs = performance.now() + timeoutMs; !condition(); ) {
    assert.ok(performance.now() < endMs, 'not in time')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe('crashes', { skip: NO_LAB }, () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`${signal} to the process that opened a lab leaves nothing behind`, async t => {
      const mark = `${10_000_000 + Math.floor(Math.random() * 10_000_000)}`
      const before = ownNetwork()
      const opener = spawn(process.execPath, ['--input-type=module', '-e', program(mark)], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      // a test that fails half-way must not leave it behind: it would hold our standard error open for ever
      t.after(() => opener.kill('SIGKILL'))
      const [line] = (await once(opener.stdout, 'data')) as [Buffer]
      const keeper = line.toString().trim().split(' ')[1]!
      const asleep = () => processes().filter(({ command }) => command.startsWith(`sleep ${mark}`))
      // the grandchild may still be on its way from `sh` to `sleep`
      await until(() => asleep().length === 2)
      const namespaces = new Set(asleep().map(({ net }) => net))
      assert.equal(namespaces.size, 2)
      assert.equal(ownNetwork(), before, 'while a lab is up')

      const exited = once(opener, 'exit')
      opener.kill(signal)
      await exited
      await until(() => {
        const now = processes()
        return now.every(({ pid, command, net }) => pid !== keeper && !command.includes(mark) && !namespaces.has(net))
      })
      assert.equal(ownNetwork(), before, 'afterwards')
    })
  }

  test('a lab that nobody closes does not keep its program alive', async t => {
    const source = `import { openLab } from '${MODULE}'; await openLab({ alice: { link: {} } })`
    const opener = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
    t.after(() => opener.kill('SIGKILL'))
    assert.deepEqual(await once(opener, 'exit'), [0, null])
  })
})
