import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { NatError } from '../core/errors.ts'
import { openStage, type Role, type Stage } from './demo-stage.ts'
import { EXIT, type Output } from './output.ts'
import { Stopped, stopSignal } from './stop-signal.ts'

const BEELINE = process.argv[1] ?? fileURLToPath(new URL('main.ts', import.meta.url))
/** Starting a program and reaching a hub on the same machine; the first start on a cold disk is slow. */
const READY_MS = 15_000
/** Everything after that: the pings themselves take two seconds. */
const PING_SECONDS = 20

/** A hub and two peers on this machine, going from relay to direct. @returns the exit code of the ping */
export async function demo(out: Output): Promise<number> {
  const stopped = stopSignal()
  const data = await mkdtemp(join(tmpdir(), 'beeline-demo-'))
  const { bold, dim } = out.colors
  try {
    await using stage = await openStage()
    out.event({ event: 'stage', kind: stage.kind, reason: stage.reason ?? null }, `${stage.about}\n`)
    const hub = await ready(start(stage, 'hub', ['hub', ...stage.hub, '--data', data]), stopped)
    const way = ['--hub', hub.addrs[0] ?? '', ...stage.peer]
    out.event({ event: 'hub', id: hub.id, addrs: hub.addrs }, `${bold('hub  ')} ${dim(hub.id)}`)
    const alice = await ready(start(stage, 'alice', ['up', ...way, '--key', join(data, 'alice.key')]), stopped)
    out.event({ event: 'peer', id: alice.id, addrs: alice.addrs }, `${bold('alice')} ${dim(alice.id)}`)
    out.event({ event: 'ping' }, `${bold('bob')}   knows no more than her id and the hub, and pings her:\n`)
    const limits = ['--until', 'direct', '--count', '3', '--interval', '0.4', '--deadline', `${PING_SECONDS}`]
    const ping = stage.spawn('bob', argv(['ping', alice.id, ...way, ...limits, ...(out.json ? ['--json'] : [])]), {
      stdio: ['ignore', 'inherit', 'inherit']
    })
    return await exitCode(ping, stopped)
  } catch (error) {
    if (error instanceof Stopped) return EXIT.failed
    throw error
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

function argv(args: readonly string[]): string[] {
  return [process.execPath, ...process.execArgv, BEELINE, ...args]
}

function start(stage: Stage, role: Role, args: readonly string[]): ChildProcess {
  return stage.spawn(role, argv([...args, '--json']), { stdio: ['ignore', 'pipe', 'inherit'] })
}

interface Ready {
  readonly id: string
  readonly addrs: readonly string[]
}

/** The line that a hub or a peer prints when it is up. @throws NatError TIMEOUT, LINK_CLOSED; the signal's reason */
async function ready(child: ChildProcess, signal: AbortSignal): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<Ready>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => reject(new NatError('TIMEOUT', `not up within ${READY_MS / 1000} s`)), READY_MS)
  child.once('error', reject)
  child.once('exit', code => reject(new NatError('LINK_CLOSED', `it ended with code ${code} before it was up`)))
  const lines = createInterface({ input: child.stdout! })
  lines.once('line', line => resolve(JSON.parse(line)))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    // what comes later is read and forgotten, so that the program never waits for us
    child.stdout!.resume()
  }
}

function exitCode(child: ChildProcess, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    child.once('error', reject)
    child.once('exit', code => resolve(code ?? EXIT.failed))
  })
}
