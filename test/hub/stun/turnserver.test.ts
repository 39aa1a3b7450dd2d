import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before, describe } from 'node:test'
import { missingTools } from '../../../lab/provide.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import { secureRandom } from '../../../src/core/random.ts'
import { freePort } from '../../../src/hub/free-port.ts'
import {
  encodeStun,
  find,
  longTermKey,
  type StunAttribute,
  type StunMessage,
  verifyIntegrity
} from '../../../src/wire/stun/index.ts'
import { ask, told } from './ask.ts'

const missing = missingTools({ turnserver: 'coturn' })
const NO_COTURN = missing.length > 0 && `not installed: ${missing.join(', ')} (Debian: coturn)`
const [A, B] = ['127.0.0.1', '127.0.0.2'] as const
const [USER, PASSWORD, REALM] = ['alice', 'secret', 'example.org'] as const
/** It opens its sockets some time after it has been started. */
const BOOTING = { rtoMs: 100, sends: 6, lastWaits: 10 }

/** Debian's coturn with two addresses and two ports. */
class Turnserver {
  readonly port: number
  readonly alternatePort: number
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(port: number, alternatePort: number, folder: string, child: ChildProcess) {
    this.port = port
    this.alternatePort = alternatePort
    this.#folder = folder
    this.#child = child
  }

  static async start(...more: string[]): Promise<Turnserver> {
    const folder = await mkdtemp(join(tmpdir(), 'beeline-turnserver-'))
    const [port, alternatePort] = [await freePort(A), await freePort(A)]
    const sockets = ['-L', A, '-L', B, '-p', `${port}`, '--alt-listening-port', `${alternatePort}`]
    const files = ['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'), '-l', 'stdout']
    const args = ['-n', ...sockets, ...files, '--no-tls', '--no-dtls', '--no-cli', ...more]
    const server = new Turnserver(port, alternatePort, folder, spawn('turnserver', args, { stdio: 'ignore' }))
    await ask({ address: A, port }, [], { schedule: BOOTING })
    return server
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode == null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    await rm(this.#folder, { recursive: true })
  }
}

describe('our client and a turnserver', { skip: NO_COTURN }, () => {
  let server: Turnserver
  before(async () => {
    server = await Turnserver.start('--stun-only')
  })
  after(() => server?.stop())

  test('it tells us where we are, and its alternate', async () => {
    const { outcome, local } = await ask({ address: A, port: server.port })
    assert.ok(outcome.type === 'answered')
    assert.deepEqual(told(outcome.response, 'XOR-MAPPED-ADDRESS'), local)
    assert.deepEqual(told(outcome.response, 'RESPONSE-ORIGIN'), { address: A, port: server.port })
    assert.deepEqual(told(outcome.response, 'OTHER-ADDRESS'), { address: B, port: server.alternatePort })
  })

  for (const [changeIp, changePort] of [
    [true, true],
    [true, false],
    [false, true]
  ] as const) {
    test(`it answers from ${changeIp ? 'another' : 'the same'} address and ${changePort ? 'another' : 'the same'} port`, async () => {
      const wanted: Endpoint = { address: changeIp ? B : A, port: changePort ? server.alternatePort : server.port }
      const { outcome } = await ask(
        { address: A, port: server.port },
        [{ type: 'CHANGE-REQUEST', changeIp, changePort }],
        {
          source: ({ address, port }) => address === wanted.address && port === wanted.port
        }
      )
      assert.ok(outcome.type === 'answered')
      // what our demux has to live with
      assert.equal(find(outcome.response, 'FINGERPRINT'), undefined)
    })
  }

  test('it names what it does not know', async () => {
    const { outcome } = await ask({ address: A, port: server.port }, [
      { type: 'unknown', code: 0x7abc, value: new Uint8Array(4) }
    ])
    assert.ok(outcome.type === 'refused')
    assert.equal(outcome.code, 420)
    assert.deepEqual(find(outcome.response, 'UNKNOWN-ATTRIBUTES')?.codes, [0x7abc])
  })
})

describe('our client and a turnserver that knows its users', { skip: NO_COTURN }, () => {
  let server: Turnserver
  before(async () => {
    server = await Turnserver.start('--lt-cred-mech', '--secure-stun', '-u', `${USER}:${PASSWORD}`, '-r', REALM)
  })
  after(() => server?.stop())

  const signed = (attributes: readonly StunAttribute[], key: Uint8Array) => {
    const message: StunMessage = {
      class: 'request',
      method: 'binding',
      transactionId: secureRandom.bytes(12),
      attributes
    }
    return encodeStun(message, { integrity: { key, hash: 'sha1' }, fingerprint: true })
  }

  for (const [password, expected] of [
    [PASSWORD, 'answered'],
    ['guessed', 'refused']
  ] as const) {
    test(`a request signed with the password ${password} is ${expected}`, async () => {
      const to = { address: A, port: server.port }
      const first = await ask(to)
      assert.ok(first.outcome.type === 'refused' && first.outcome.code === 401)
      const { response } = first.outcome
      assert.equal(find(response, 'REALM')?.value, REALM)
      const credentials: StunAttribute[] = [
        { type: 'USERNAME', value: USER },
        { type: 'REALM', value: REALM },
        { type: 'NONCE', value: find(response, 'NONCE')!.value }
      ]
      const key = longTermKey(USER, REALM, password)
      const accept = (bytes: Uint8Array) => expected === 'refused' || verifyIntegrity(bytes, key)
      // a nonce of its holds for one socket
      const localPort = first.local.port
      const { outcome } = await ask(to, [], { request: signed(credentials, key), accept, localPort })
      assert.equal(outcome.type, expected)
    })
  }
})
