import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLab } from '../../lab/lab.ts'
import { Program } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'

const PROGRAM = fileURLToPath(new URL('watch-program.ts', import.meta.url))

/** Done in a host one after the other, and what is heard of it. */
const STEPS: ReadonlyArray<readonly [argv: string, kind: 'addresses' | 'route', detail: RegExp]> = [
  ['ip address add 192.168.1.77/24 dev eth0', 'addresses', /^192\.168\.1\.77 on eth0 is new$/],
  ['ip address add fd00:beef::7/64 dev eth0 nodad', 'addresses', /^fd00:beef::7 on eth0 is new$/],
  ['ip address delete 192.168.1.77/24 dev eth0', 'addresses', /^192\.168\.1\.77 on eth0 is gone$/],
  [
    'ip route replace default via 192.168.1.254',
    'route',
    /: 192\.168\.1\.254 on eth0,.*; before: 192\.168\.1\.1 on eth0,/
  ],
  ['ip route replace default via fd00:beef::1', 'route', /, fd00:beef::1 on eth0; before/],
  ['ip link set eth0 down', 'route', /: none; before: 192\.168\.1\.254 on eth0,/],
  ['ip link set eth0 up', 'addresses', /192\.168\.1\.10 on eth0 is new/]
]

describe('a host whose network changes', { skip: NO_LAB }, () => {
  it('notices addresses, routes and interfaces that come and go', { timeout: 60_000 }, async t => {
    const lab = await openLab({ nat: { mapping: 'endpoint-independent' }, alice: { behind: 'nat', ipv6: true } })
    t.after(() => lab.close())
    const program = new Program(lab.spawn('alice', [process.execPath, PROGRAM], { stdio: 'pipe' }))
    await program.event(({ event }) => event === 'ready')
    for (const [argv, kind, detail] of STEPS) {
      const fromMs = Date.now()
      const { code, stderr } = await lab.exec('alice', argv.split(' '))
      assert.equal(code, 0, stderr)
      const change = (await program.event(
        each => each['kind'] === kind && detail.test(String(each['detail']))
      )) as unknown as { atMs: number }
      t.diagnostic(`${argv}: told after ${change.atMs - fromMs} ms`)
    }
  })
})
