import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { NatError } from '../../../src/core/errors.ts'
import { freePort } from '../../../src/hub/free-port.ts'
import { openStore } from '../../../src/hub/store/open.ts'
import { addressText, parseRedisUrl, type RedisAddress } from '../../../src/hub/store/redis-address.ts'
import { selfSigned } from '../stun/certificate.ts'
import { killedWhilePutting } from './kill.ts'
import { UNAVAILABLE, works } from './outage.ts'
import { collect, listen, NOW, peerId, stored, until, X } from './records.ts'
import { NO_REDIS, RedisServer } from './redis-server.ts'

const SERVER = { kind: 'server', tls: false, database: 0 } as const
const at = (host: string, port = 6_379) => ({ host, port })

const ADDRESSES: readonly (readonly [string, RedisAddress, string])[] = [
  ['redis://h', { ...SERVER, nodes: [at('h')] }, 'Redis at h:6379'],
  ['redis://h/', { ...SERVER, nodes: [at('h')] }, 'Redis at h:6379'],
  ['redis://h:1', { ...SERVER, nodes: [at('h', 1)] }, 'Redis at h:1'],
  ['redis://h:1/3', { ...SERVER, nodes: [at('h', 1)], database: 3 }, 'Redis at h:1'],
  ['rediss://h:1', { ...SERVER, tls: true, nodes: [at('h', 1)] }, 'Redis at h:1'],
  ['redis://[::1]:7', { ...SERVER, nodes: [at('::1', 7)] }, 'Redis at [::1]:7'],
  ['redis://me:p%40ss@h', { ...SERVER, nodes: [at('h')], username: 'me', password: 'p@ss' }, 'Redis at h:6379'],
  ['redis://:p:q@r@h', { ...SERVER, nodes: [at('h')], password: 'p:q@r' }, 'Redis at h:6379'],
  ['redis://me@h', { ...SERVER, nodes: [at('h')], username: 'me' }, 'Redis at h:6379'],
  [
    'redis+cluster://:p@a:1,b,[::1]:3',
    { ...SERVER, kind: 'cluster', nodes: [at('a', 1), at('b'), at('::1', 3)], password: 'p' },
    'the Redis cluster a:1, b:6379, [::1]:3'
  ],
  ['rediss+cluster://a:1', { ...SERVER, kind: 'cluster', tls: true, nodes: [at('a', 1)] }, 'the Redis cluster a:1']
]

const REFUSED = [
  '',
  'records.sqlite',
  'sqlite:',
  'sqlite::memory:',
  'memory',
  'postgres://me:secret@h/db',
  'redis:h',
  'redis://',
  'redis://:secret@',
  'redis://:secret@h:0',
  'redis://:secret@h:65536',
  'redis://:secret@h:port',
  'redis://:secret@h/db',
  'redis://:secret@a:1,b:2',
  'redis://:secret%@h',
  'redis://:secret@h?x=y',
  'redis+cluster://:secret@a,,b',
  'redis+cluster://:secret@a/1'
]

describe('where records are kept', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beeline-open-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  for (const [url, address, text] of ADDRESSES) {
    test(url, () => {
      assert.deepEqual(parseRedisUrl(url), address)
      assert.equal(addressText(address), text)
    })
  }

  for (const url of REFUSED) {
    test(`refused: ${url}`, async () => {
      await assert.rejects(openStore(url, folder), (error: NatError) => {
        assert.equal(error.code, 'BAD_OPTION')
        assert.match(error.message, /may be .*redis:/)
        assert.doesNotMatch(error.message, /secret/)
        return true
      })
    })
  }

  test('a file in the folder of the hub, or where it is said', async () => {
    const files = [join(folder, 'deep', 'records.sqlite'), join(folder, 'a.db'), join(folder, 'b.db')]
    const urls = [undefined, `sqlite:${files[1]}`, `sqlite:${relative(process.cwd(), files[2]!)}`]
    for (const [index, url] of urls.entries()) {
      const store = await openStore(url, join(folder, 'deep'))
      assert.ok((await stat(files[index]!)).isFile())
      await store.stop()
    }
  })
})

describe('Redis with a password', { skip: NO_REDIS }, () => {
  let server: RedisServer
  before(async () => {
    server = await RedisServer.start('--requirepass', 'open sesame')
  })
  after(() => server.stop())

  test('a wrong password is refused, and told to nobody', async () => {
    for (const login of ['', 'user:hunter2@', ':hunter2@']) {
      await assert.rejects(openStore(`redis://${login}127.0.0.1:${server.port}`, ''), (error: NatError) => {
        assert.equal(error.code, 'BAD_OPTION')
        assert.doesNotMatch(JSON.stringify([error.message, String(error.cause), error.stack]), /hunter2/)
        return true
      })
    }
    const store = await openStore(`redis://:open%20sesame@127.0.0.1:${server.port}/3`, '')
    await works(store)
    await store.stop()
  })
})

test('a user of Redis that may do what docs/hub.md says', { skip: NO_REDIS }, async () => {
  const docs = await readFile(new URL('../../../docs/hub.md', import.meta.url), 'utf8')
  const [, commands = '', more = ''] = /`(GET SET [A-Z\s]+)` and in a cluster `([A-Z]+)`/.exec(docs) ?? []
  const allowed = `${commands} ${more}`.split(/\s+/).map(command => `+${command.toLowerCase()}`)
  const server = await RedisServer.start()
  await server.command('ACL', 'SETUSER', 'hub', 'on', '>pass', '~beeline:*', '&beeline:*', '-@all', ...allowed)
  const url = `redis://hub:pass@127.0.0.1:${server.port}/2`
  const [a, b] = await Promise.all([openStore(url, ''), openStore(url, '')])
  const news = listen(b)
  const calls: string[] = []
  a.onCall(peer => calls.push(peer))
  await works(a)
  await b.watch(peerId(1))
  for (const seq of [1, 2]) await a.put(stored(peerId(1), seq), X, NOW)
  await b.call(peerId(1), Uint8Array.of(1))
  assert.deepEqual((await b.list(undefined, 10, NOW)).peers.length, await b.count(NOW))
  assert.deepEqual((await collect(b.held(X))).sort(), [peerId(1), peerId('works')].sort())
  await a.release(peerId(1), X, NOW)
  await until(() => news.length === 3 && calls.length === 1)
  b.unwatch(peerId(1))
  await Promise.all([a.stop(), b.stop()])
  await server.stop()
})

describe('Redis over TLS', { skip: NO_REDIS }, () => {
  test('a certificate that this machine trusts, and no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'beeline-tls-'))
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const { cert, key } = selfSigned('127.0.0.1')
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)])
    const port = await freePort('127.0.0.1')
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile]
    const server = await RedisServer.start('--tls-port', `${port}`, ...files, '--tls-auth-clients', 'no')
    const url = `rediss://127.0.0.1:${port}`
    const stranger = await openStore(url, folder)
    await assert.rejects(stranger.check(), { ...UNAVAILABLE, message: /self-signed/ })
    await stranger.stop()
    const [first] = await killedWhilePutting(url, folder, 10, { NODE_EXTRA_CA_CERTS: certFile })
    const plain = await openStore(server.url, folder)
    assert.ok((await plain.get(peerId(first! % 500), NOW)) != null)
    await plain.stop()
    await server.stop()
    await rm(folder, { recursive: true })
  })
})
