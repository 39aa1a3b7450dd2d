import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isRoot } from '../../lab/keeper.ts'
import { NO_LAB } from './available.ts'

const MODULE = fileURLToPath(new URL('../../lab/lab.ts', import.meta.url))
/** nobody, on all systems that are in use. */
const NOBODY = 65534

/** Runs a program as nobody. */
async function asNobody(source: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { uid: NOBODY, gid: NOBODY, cwd: '/' })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Why a user cannot make a lab here; as that user all the other tests ask it themselves. */
async function reasonAgainst(): Promise<string | false> {
  if (NO_LAB) return NO_LAB
  if (!isRoot()) return 'all tests run unprivileged here'
  const source = `import { capability } from '${MODULE}'; console.log(JSON.stringify(await capability({ a: { link: {} } })))`
  const { code, stdout, stderr } = await asNobody(source)
  if (code !== 0)
    return `a user cannot read this checkout: ${stderr.match(/E[A-Z]{3,}[^\n]*/)?.[0] ?? stderr.slice(0, 200)}`
  const can = JSON.parse(stdout) as { ok: boolean; reason?: string; fix?: string }
  return can.ok ? false : `${can.reason} (${can.fix})`
}

describe('without privileges', { skip: await reasonAgainst() }, () => {
  test('the same lab in a user namespace: NATs, shaped links, changes at run time, killing', async () => {
    const { code, stdout, stderr } = await asNobody(`
      import { once } from 'node:events'
      import { openLab, preset } from '${MODULE}'
      await using lab = await openLab(preset('double-nat', { link: { delayMs: 10 }, ipv6: true }))
      const ping = to => lab.exec('alice', [process.execPath, '-e', \`
        const begun = performance.now()
        const socket = require('net').connect({ host: '\${to}', port: 1, timeout: 500 })
        for (const event of ['error', 'timeout']) socket.on(event, error => {
          console.log((error?.code ?? event) + ' ' + (performance.now() - begun >= 20)); process.exit()
        })\`])
      const out = []
      // nobody listens at the hub: its own reset comes back, through two NATs and links of 10 ms
      out.push((await ping(lab.host('hub').ip)).stdout.trim(), (await ping(lab.host('hub').ip6)).stdout.trim())
      await lab.down('alice')
      out.push((await ping(lab.host('hub').ip)).stdout.trim())
      await lab.up('alice')
      await lab.setLink('carrier', {})
      await lab.flushNat('natA')
      await lab.setBlockUdp('natA', true)
      out.push((await ping(lab.host('hub').ip)).stdout.split(' ')[0])
      const child = lab.spawn('alice', ['sleep', '1000'])
      child.kill()
      out.push((await once(child, 'exit'))[1])
      console.log(out.join())`)
    assert.equal(stderr, '')
    assert.equal(stdout.trim(), 'ECONNREFUSED true,ECONNREFUSED true,timeout true,ECONNREFUSED,SIGTERM')
    assert.equal(code, 0)
  })
})
