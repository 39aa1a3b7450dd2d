import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Lab, openLab, type RouterSpec } from '../../lab/lab.ts'
import { missingTools } from '../../lab/provide.ts'
import type { Dependence } from '../../src/core/behaviour.ts'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import { MAIN, Program } from '../cli/beeline.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'

const TOOLS = { turnutils_natdiscovery: 'coturn', turnutils_stunclient: 'coturn' }
const missing = missingTools(TOOLS)
const NO_COTURN = missing.length > 0 && `not installed: ${missing.join(', ')} (Debian: coturn)`
const LIMIT = { timeout: 60_000 }

/** As natdiscovery writes it. */
const WORDS: Record<Dependence, string> = {
  'endpoint-independent': 'Endpoint Independent',
  'address-dependent': 'Address Dependent',
  'address-and-port-dependent': 'Address and Port Dependent'
}

/** A hub with two addresses, and alice behind that router, or behind none. */
async function withHub(t: TestContext, router?: RouterSpec): Promise<Lab> {
  const data = await mkdtemp(join(tmpdir(), 'beeline-stun-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const lab = await openLab({
    hub: { addresses: 2 },
    ...(router == null ? { alice: {} } : { nat: router, alice: { behind: 'nat' } })
  })
  t.after(() => lab.close())
  const hosts = lab.host('hub').ips.flatMap(ip => ['--host', ip])
  const program = new Program(
    lab.spawn('hub', [process.execPath, MAIN, 'hub', ...hosts, '--data', data, '--json'], { stdio: 'pipe' })
  )
  const { stun } = (await program.event(({ event }) => event === 'ready')) as unknown as { stun: string[] }
  assert.deepEqual(
    stun,
    lab.host('hub').ips.map(ip => `${ip}:3478`)
  )
  return lab
}

async function discovered(
  lab: Lab,
  ...args: string[]
): Promise<{ mapping?: string; filtering?: string; text: string }> {
  const argv = ['turnutils_natdiscovery', ...args, lab.host('hub').ips[0]!]
  const { stdout } = await lab.exec('alice', argv, { timeoutMs: 30_000 })
  const [, mapping] = /with ([\w ]+) Mapping!/.exec(stdout) ?? []
  const [, filtering] = /with ([\w ]+) Filtering!/.exec(stdout) ?? []
  return { text: stdout, ...(mapping == null ? {} : { mapping }), ...(filtering == null ? {} : { filtering }) }
}

describe("Debian's coturn tools ask a hub", { skip: NO_LAB || NO_COTURN, concurrency: 4 }, () => {
  test('stunclient: its address, and the answers from elsewhere', LIMIT, async t => {
    const lab = await withHub(t)
    const [first, second] = lab.host('hub').ips as [string, string]
    for (const port of ['3478', '4001']) {
      const argv = ['turnutils_stunclient', '-f', '-p', port, first]
      const { code, stdout } = await lab.exec('alice', argv, { timeoutMs: 30_000 })
      const other = port === '3478' ? '4001' : '3478'
      assert.equal(code, 0, stdout)
      assert.match(stdout, new RegExp(`Response origin: : ${first}:${port}\\n`))
      assert.match(stdout, new RegExp(`Other addr: : ${second}:${other}\\n`))
      assert.match(stdout, new RegExp(`Response origin: : ${second}:${other}\\n`), 'by another address and port')
      assert.match(stdout, new RegExp(`UDP reflexive addr: ${lab.host('alice').ip}:\\d+\\n`))
    }
  })

  test('natdiscovery: an answer to another port finds the mapping of that port', LIMIT, async t => {
    const lab = await withHub(t, { mapping: 'endpoint-independent' })
    const { text } = await discovered(lab, '-t', '-T', '1')
    assert.equal(text.match(/UDP reflexive addr: /g)?.length, 2, text)
  })

  for (const [what, router, mapping, filtering] of [
    ['no NAT', undefined, 'endpoint-independent', 'endpoint-independent'],
    ['a firewall', 'none', 'endpoint-independent', 'address-and-port-dependent'],
    ['the kernel, the same port for all', 'endpoint-independent', 'endpoint-independent', 'address-and-port-dependent'],
    [
      'the kernel, a port for each',
      'address-and-port-dependent',
      'address-and-port-dependent',
      'address-and-port-dependent'
    ]
  ] as const) {
    for (const flags of [[], ['-P'], ['-p', '4001']]) {
      test(`natdiscovery -m -f ${flags.join(' ')} behind ${what}`, LIMIT, async t => {
        const lab = await withHub(t, router == null ? undefined : { mapping: router })
        const found = await discovered(lab, '-m', '-f', ...flags)
        assert.deepEqual([found.mapping, found.filtering], [WORDS[mapping], WORDS[filtering]], found.text)
      })
    }
  }
})

describe('every NAT of the simulator, as natdiscovery sees it', {
  skip: NO_LAB || NO_SIM_ROUTER || NO_COTURN,
  concurrency: 4
}, () => {
  for (const mapping of DEPENDENCES) {
    for (const filtering of DEPENDENCES) {
      test(`${mapping} mapping, ${filtering} filtering`, LIMIT, async t => {
        const lab = await withHub(t, { mapping, filtering, engine: 'sim' })
        const found = await discovered(lab, '-m', '-f')
        assert.equal(found.filtering, WORDS[filtering], found.text)
        if (mapping !== 'address-dependent') assert.equal(found.mapping, WORDS[mapping], found.text)
        else {
          // Its third request goes to the alternate of the second, which by RFC 5780 section 6.1 is the first address again;
          // coturn's own server names the second once more. So its verdict is wrong here, and the evidence is right.
          const [first, second, third] = [...found.text.matchAll(/UDP reflexive addr: (\S+)/g)].map(match => match[1])
          assert.notEqual(first, second, found.text)
          assert.equal(first, third, found.text)
        }
      })
    }
  }
})
