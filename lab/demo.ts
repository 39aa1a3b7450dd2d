import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capability, openLab, preset } from './lab.ts'

const BEELINE = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const READY_MS = 15_000

/** The first JSON line that a program prints. */
function firstLine(
  child: ReturnType<Awaited<ReturnType<typeof openLab>>['spawn']>
): Promise<{ id: string; addrs: string[] }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ id: string; addrs: string[] }>()
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
    if (text.includes('\n')) resolve(JSON.parse(text.slice(0, text.indexOf('\n'))))
  })
  child.stderr?.pipe(process.stderr)
  child.once('exit', code => reject(new Error(`it ended with code ${code}`)))
  setTimeout(() => reject(new Error('it did not get ready')), READY_MS).unref()
  return promise
}

/** A hub and two peers, each behind a NAT of this machine's kernel, going from relay to direct. */
async function demo(): Promise<number> {
  const able = await capability()
  if (!able.ok) {
    process.stdout.write(`The demo needs network namespaces, and cannot have them here: ${able.reason}. ${able.fix}\n`)
    return 1
  }
  const data = await mkdtemp(join(tmpdir(), 'beeline-demo-'))
  try {
    await using lab = await openLab(preset('easy-easy', { link: { delayMs: 20 } }))
    const beeline = (...args: string[]) => [process.execPath, BEELINE, ...args]
    process.stdout.write(
      `hub ${lab.host('hub').ip} · alice ${lab.host('alice').ip} behind a NAT · bob ${lab.host('bob').ip} behind another\n`
    )
    const hub = await firstLine(
      lab.spawn('hub', beeline('hub', '--host', lab.host('hub').ip, '--data', data, '--json'))
    )
    const address = hub.addrs[0] ?? ''
    const alice = await firstLine(
      lab.spawn('alice', beeline('up', '--hub', address, '--key', join(data, 'alice.key'), '--json'))
    )
    process.stdout.write(`alice is ${alice.id}\nbob pings her:\n`)
    const args = ['ping', alice.id, '--hub', address, '--until', 'direct', '--count', '3', '--interval', '0.3']
    const { code, stdout, stderr } = await lab.exec('bob', beeline(...args), { timeoutMs: 30_000 })
    process.stdout.write(stdout + stderr)
    return code ?? 1
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

process.exitCode = await demo()
