import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { type Lab, openLab, type RouterSpec } from '../../lab/lab.ts'
import { missingTools } from '../../lab/provide.ts'
import { DEPENDENCES, type Dependence } from '../../src/core/behaviour.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'
import { reportOf } from './nat-report.ts'

const missing = missingTools({ turnserver: 'coturn', turnutils_natdiscovery: 'coturn' })
const NO_COTURN = missing.length > 0 && `not installed: ${missing.join(', ')} (Debian: coturn)`
const LIMIT = { timeout: 120_000 }
const PORT = 3_478

/** As natdiscovery writes it. */
const WORDS: Record<Dependence, string> = {
  'endpoint-independent': 'Endpoint Independent',
  'address-dependent': 'Address Dependent',
  'address-and-port-dependent': 'Address and Port Dependent'
}

/** A lab with Debian's turnserver on two addresses, which then knows RFC 5780. */
async function withTurnserver(t: TestContext, nat: RouterSpec): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-coturn-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const lab = await openLab({ hub: { addresses: 2 }, nat, alice: { behind: 'nat' } })
  t.after(() => lab.close())
  const { ips } = lab.host('hub')
  const files = [
    '--pidfile',
    join(folder, 'pid'),
    '--userdb',
    join(folder, 'users'),
    '--log-file',
    'stdout',
    '-c',
    '/dev/null'
  ]
  const args = ['-v', '--no-cli', '--no-auth', '--no-tls', '--no-dtls', ...ips.flatMap(ip => ['-L', ip]), ...files]
  const server = lab.spawn('hub', ['turnserver', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const last = `IPv4. UDP listener opened on: ${ips[1]}:${PORT + 1}`
  const up = Promise.withResolvers<void>()
  createInterface({ input: server.stdout! }).on('line', line => {
    if (line.includes(last)) up.resolve()
  })
  server.once('exit', code => up.reject(new Error(`turnserver ended with ${code}`)))
  await up.promise
  return lab
}

/** What coturn's own client says of the same network by the same server. */
async function natdiscovery(lab: Lab): Promise<{ mapping: string | undefined; filtering: string | undefined }> {
  const argv = ['turnutils_natdiscovery', '-m', '-f', lab.host('hub').ip]
  const { stdout } = await lab.exec('alice', argv, { timeoutMs: 60_000 })
  return {
    mapping: /with ([\w ]+) Mapping!/.exec(stdout)?.[1],
    filtering: /with ([\w ]+) Filtering!/.exec(stdout)?.[1]
  }
}

async function compare(t: TestContext, nat: RouterSpec, filtering: Dependence): Promise<void> {
  const lab = await withTurnserver(t, nat)
  const { udp4 } = (await reportOf(lab, { port: PORT })).report
  const text = JSON.stringify(udp4)
  const mapping = nat.mapping === 'none' ? 'endpoint-independent' : nat.mapping
  assert.deepEqual([udp4.mapping, udp4.filtering], [mapping, filtering], text)
  const theirs = await natdiscovery(lab)
  assert.deepEqual(theirs, { mapping: WORDS[mapping], filtering: WORDS[filtering] })
}

describe("by Debian's turnserver: the verdicts of its own client", {
  skip: NO_LAB || NO_COTURN,
  concurrency: 3
}, () => {
  for (const mapping of ['none', 'endpoint-independent', 'address-and-port-dependent'] as const) {
    test(`a router of the kernel: ${mapping}`, LIMIT, async t => {
      await compare(t, { mapping }, 'address-and-port-dependent')
    })
  }
})

describe('and for every NAT of the simulator', { skip: NO_LAB || NO_COTURN || NO_SIM_ROUTER, concurrency: 3 }, () => {
  for (const mapping of DEPENDENCES) {
    for (const filtering of DEPENDENCES) {
      test(`${mapping} mapping, ${filtering} filtering`, LIMIT, async t => {
        await compare(t, { engine: 'sim', mapping, filtering }, filtering)
      })
    }
  }
})
