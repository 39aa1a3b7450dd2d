import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLab, preset } from '../../lab/lab.ts'
import { NO_LAB } from './available.ts'

const BEELINE = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const beeline = (...args: string[]) => [process.execPath, BEELINE, ...args, '--json']

type Lab = Awaited<ReturnType<typeof openLab>>

function ready(lab: Lab, host: string, ...args: string[]): Promise<{ id: string; addrs: string[] }> {
  const child = lab.spawn(host, beeline(...args))
  const { promise, resolve, reject } = Promise.withResolvers<{ id: string; addrs: string[] }>()
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
    if (text.includes('\n')) resolve(JSON.parse(text.slice(0, text.indexOf('\n'))))
  })
  child.once('exit', code => reject(new Error(`${args[0]} ended with code ${code}`)))
  return promise
}

async function pingDirect(name: Parameters<typeof preset>[0], deadline: string) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-journey-'))
  try {
    await using lab = await openLab(preset(name, { link: { delayMs: 5 } }), { seed: 1 })
    const hub = await ready(lab, 'hub', 'hub', '--host', lab.host('hub').ip, '--data', data)
    const alice = await ready(lab, 'alice', 'up', '--hub', hub.addrs[0] ?? '', '--key', join(data, 'alice.key'))
    const args = ['ping', alice.id, '--hub', hub.addrs[0] ?? '', '--until', 'direct', '--deadline', deadline]
    const { code, stdout } = await lab.exec('bob', beeline(...args), { timeoutMs: 60_000 })
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    return { code, first: lines[0], summary: lines.at(-1) }
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

describe('two peers behind kernel NATs, from the command line', { skip: NO_LAB }, () => {
  it('go from the relay to a direct QUIC path through two port-preserving NATs', async () => {
    const { code, first, summary } = await pingDirect('easy-easy', '20')
    assert.equal(first.path, 'relay')
    assert.equal(summary.direct, true, JSON.stringify(summary))
    assert.equal(summary.technique, 'punch-quic')
    assert.equal(code, 0)
  })

  it('stay on the relay between two NATs with random ports, and say so by exit code 3', async () => {
    const { code, summary } = await pingDirect('hard-hard', '8')
    assert.equal(summary.connected, true)
    assert.equal(summary.direct, false)
    assert.equal(code, 3)
  })
})
