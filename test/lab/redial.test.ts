import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { preset } from '../../lab/presets.ts'
import { Program } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'
import { journey } from './journey.ts'

const REDIAL = fileURLToPath(new URL('redial-program.ts', import.meta.url))

interface Row {
  /** Linux lets a connection follow one that lingers on the same ports when packets have timestamps (RFC 6191). */
  readonly timestamps: boolean
  readonly times: number
}

interface Connected {
  readonly event: string
  readonly technique?: string
  readonly path?: { readonly kind: string; readonly transport: string }
}

const ROWS: readonly Row[] = [
  { timestamps: true, times: 5 },
  // a link's TCP ends by a reset, and leaves nothing that lingers
  { timestamps: false, times: 3 }
]

describe('two peers that connect by TCP, close, and connect again at once', { skip: NO_LAB }, () => {
  for (const { timestamps, times } of ROWS) {
    const name = timestamps ? 'on the same ports' : 'on the same ports, without timestamps'
    it(`${times} times, ${name}: direct each time`, { timeout: 90_000 }, async t => {
      const { lab, alice, hubAddress } = await journey(t, preset('easy-easy', { link: { delayMs: 10 } }))
      if (!timestamps) {
        const { code } = await lab.exec('bob', ['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/tcp_timestamps'])
        if (code !== 0) return t.skip('the lab may not change what its hosts do')
      }
      const argv = [process.execPath, REDIAL, hubAddress, alice, `${times}`]
      const { code, stdout, stderr } = await new Program(lab.spawn('bob', argv, { stdio: 'pipe' })).ended
      assert.equal(code, 0, stderr)
      const events = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Connected)
      assert.deepEqual(
        events.map(({ event, technique, path }) => ({ event, technique, path: `${path?.kind} ${path?.transport}` })),
        Array.from({ length: times }, () => ({ event: 'connected', technique: 'punch-tcp', path: 'direct tcp' })),
        stdout
      )
    })
  }
})
