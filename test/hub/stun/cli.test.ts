import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before, describe } from 'node:test'
import { freePort } from '../../../src/hub/free-port.ts'
import { bench } from '../../cli/beeline.ts'
import { selfSigned } from './certificate.ts'

const BASE = ['hub', '--host', '127.0.0.1', '--port', '0', '--http-port', '0'] as const

describe('beeline hub and STUN', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beeline-tls-'))
    const { cert, key } = selfSigned()
    await Promise.all([writeFile(join(folder, 'cert.pem'), cert), writeFile(join(folder, 'key.pem'), key)])
  })
  after(() => rm(folder, { recursive: true }))
  const at = (...args: string[]) => args.map(each => (each.endsWith('.pem') ? join(folder, each) : each))

  test('ready tells where STUN is, and where over TLS', async t => {
    const { start, data } = await bench(t)
    const port = `${await freePort('127.0.0.1')}`
    const tls = at('--tls-cert', 'cert.pem', '--tls-key', 'key.pem', '--stuns-port', port)
    const program = start(...BASE, '--stun-port', '0', '--data', data, '--json', ...tls)
    const ready = await program.event(({ event }) => event === 'ready')
    assert.match(String((ready['stun'] as string[]).join()), /^127\.0\.0\.1:\d+$/)
    assert.deepEqual(ready['stuns'], [`127.0.0.1:${port}`])
  })

  for (const [what, args, expected] of [
    ['a certificate without its key', ['--tls-cert', 'cert.pem'], /--tls-cert and --tls-key/],
    ['a key without its certificate', ['--tls-key', 'key.pem'], /--tls-cert and --tls-key/],
    ['a file that is not there', ['--tls-cert', 'no.pem', '--tls-key', 'key.pem'], /no\.pem cannot be read \(ENOENT\)/],
    ['a key in place of the certificate', ['--tls-cert', 'key.pem', '--tls-key', 'key.pem'], /both must be PEM/]
  ] as const) {
    test(`refused: ${what}`, async t => {
      const { run, data } = await bench(t)
      const { code, stderr } = await run(...BASE, '--stun-port', '0', '--data', data, ...at(...args))
      // wrong usage, as with other keys
      assert.equal(code, 2)
      assert.match(stderr, expected)
    })
  }

  test('refused: a STUN port that somebody has', async t => {
    const { run, start, data } = await bench(t)
    const first = start(...BASE, '--stun-port', '0', '--data', data, '--json')
    const { stun } = (await first.event(({ event }) => event === 'ready')) as { stun?: string[] }
    const port = stun?.[0]?.split(':')[1] ?? ''
    const { code, stderr } = await run(...BASE, '--stun-port', port, '--data', join(data, 'second'))
    assert.equal(code, 1)
    assert.match(stderr, /port \d+ on 127\.0\.0\.1 is taken/)
  })
})
