import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import { hubConfigIn, readHubConfig } from '../../src/hub/config.ts'

const ALICE = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const WHOLE = {
  hosts: ['192.0.2.1', '2001:db8::1'],
  port: 4001,
  httpPort: 0,
  stunPort: 3478,
  stunsPort: 5349,
  tlsCert: 'cert.pem',
  tlsKey: '/etc/key.pem',
  data: 'data',
  announce: ['203.0.113.1'],
  store: 'memory:',
  operatorToken: 'operator',
  trustedProxies: ['10.0.0.0/8'],
  access: { tokens: ['first'], peers: [ALICE] },
  limits: { maxReservations: 5, bytesPerSecond: 1_000_000 }
}

describe('what may be in a configuration file', () => {
  it('everything', () => assert.deepEqual(hubConfigIn(JSON.stringify(WHOLE)), WHOLE))
  it('nothing', () => assert.deepEqual(hubConfigIn('{}'), {}))
})

describe('what may not', () => {
  const rows: ReadonlyArray<readonly [text: string, message: RegExp]> = [
    ['', /it is no JSON/],
    ['{\n "port": 1,\n}', /it is no JSON: look at line 3/],
    ['{ "access": { "tokens": [hunter2] } }', /it is no JSON/],
    ['[]', /one object/],
    ['null', /one object/],
    ['{ "prot": 4001 }', /^prot is unknown: there are hosts, port, /],
    ['{ "toString": 1 }', /^toString is unknown/],
    ['{ "__proto__": 1 }', /^__proto__ is unknown/],
    ['{ "port": "4001" }', /^port has to be a port, 0 to 65535/],
    ['{ "port": 65536 }', /^port has to be/],
    ['{ "hosts": [] }', /^hosts has to be a list of IP addresses/],
    ['{ "hosts": ["example.org"] }', /^hosts has to be a list of IP addresses/],
    ['{ "hosts": "192.0.2.1" }', /^hosts has to be a list of IP addresses/],
    ['{ "operatorToken": "hunter2 " }', /^operatorToken has to be a token/],
    ['{ "store": 5 }', /^store has to be a text/],
    ['{ "access": ["hunter2"] }', /^access has to be an object/],
    ['{ "access": { "token": "hunter2" } }', /^access\.token is unknown: there are tokens, peers/],
    ['{ "access": { "tokens": "hunter2" } }', /^access\.tokens has to be a list of texts/],
    ['{ "access": { "tokens": [] } }', /^access\.tokens is empty/],
    ['{ "access": { "tokens": ["first", "hunter2 "] } }', /^access\.tokens\[1\]: a token is made of/],
    ['{ "access": { "peers": ["hunter2"] } }', /^access\.peers\[0\] is not a peer id/],
    ['{ "limits": { "maxPeers": 5 } }', /^there is no limits\.maxPeers: there are maxReservations/],
    ['{ "limits": { "maxCircuits": "5" } }', /^limits\.maxCircuits is a whole number/]
  ]
  for (const [text, message] of rows) {
    it(`${text.replace(/\s+/g, ' ')}`, () => {
      assert.throws(
        () => hubConfigIn(text),
        error => {
          assert.ok(error instanceof NatError && error.code === 'BAD_OPTION', String(error))
          assert.match(error.message, message)
          assert.doesNotMatch(`${error.message} ${error.cause}`, /hunter2/, 'a secret is told')
          return true
        }
      )
    })
  }
})

describe('the file', () => {
  it('is named in every error, and its paths begin where it is', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'beeline-config-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'hub.json')
    await assert.rejects(readHubConfig(file), { code: 'BAD_OPTION', message: `${file} cannot be read (ENOENT)` })
    await writeFile(file, '{ "prot": 1 }')
    await assert.rejects(readHubConfig(file), error => String(error).includes(`${file}: prot is unknown`))
    await writeFile(file, JSON.stringify(WHOLE))
    const { tlsCert, tlsKey, data } = await readHubConfig(file)
    assert.deepEqual([tlsCert, tlsKey, data], [join(folder, 'cert.pem'), '/etc/key.pem', join(folder, 'data')])
  })
})
