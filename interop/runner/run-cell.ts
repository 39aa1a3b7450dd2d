import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { LabSpec } from '../../lab/lab.ts'
import { openLab } from '../../lab/lab.ts'
import type { Peer } from './builds.ts'
import { CACHE } from './builds.ts'
import type { Cell, Implementation } from './matrix.ts'
import { cellName } from './matrix.ts'
import { redisCommand } from './redis.ts'

const REDIS_PORT = 6379
/** Longer than the 30 s that each program gives to each of its own steps that can hang. */
const CELL_DEADLINE_MS = 75_000

export interface Timings {
  /** From the relayed connection to the answer to a ping over the direct one. */
  readonly handshakeMs: number
  /** The same, from the dial over the relay. */
  readonly fromDialMs: number
}

export type Outcome =
  | { readonly ok: true; readonly timings: Timings }
  | { readonly ok: false; readonly reason: string; readonly logs: string }

export interface RunOptions {
  readonly peers: ReadonlyMap<Implementation, Peer>
  readonly redis: string
  /** One way, of each peer's link; the relay has none. */
  readonly delayMs: number
  /** Which repetition this is. */
  readonly round: number
  readonly debug: boolean
}

/** The suite's five hosts. The relay's second address is Redis's, so that it is out of the way of everything measured. */
function topology(delayMs: number): LabSpec {
  const router = { mapping: 'endpoint-independent', link: { delayMs } } as const
  return {
    relay: { addresses: 2 },
    'dialer-nat': router,
    'listener-nat': router,
    dialer: { behind: 'dialer-nat' },
    listener: { behind: 'listener-nat' }
  }
}

/** One hole punch between three fresh programs in a fresh lab. */
export async function runCell(cell: Cell, options: RunOptions): Promise<Outcome> {
  await using lab = await openLab(topology(options.delayMs), { seed: options.round })
  const name = `${cell.dialer}-${cell.listener}-${cell.relay}-${cell.transport}-${options.round}`
  const logs = join(CACHE, 'logs', name)
  rmSync(logs, { recursive: true, force: true })
  mkdirSync(logs, { recursive: true })

  const relay = lab.host('relay')
  const redisIp = relay.ips[1]!
  const common = {
    PATH: process.env['PATH'] ?? '',
    // a relay that is killed leaves its key behind
    TMPDIR: logs,
    DEBUG: String(options.debug),
    ...(options.debug ? VERBOSE : {}),
    REDIS_ADDR: `${redisIp}:${REDIS_PORT}`,
    TEST_KEY: createHash('sha256')
      .update(`${cellName(cell)} ${options.round}`)
      .digest('hex')
      .slice(0, 8),
    TRANSPORT: cell.transport,
    ...(cell.transport === 'tcp' ? { SECURE_CHANNEL: 'noise', MUXER: 'yamux' } : {})
  }
  const start = (host: string, argv: readonly string[], env: Record<string, string>): ChildProcess => {
    const log = openSync(join(logs, `${host}.log`), 'w')
    const stdout = host === 'dialer' ? 'pipe' : log
    const child = lab.spawn(host, argv, { stdio: ['ignore', stdout, log], env: { ...common, ...env } })
    closeSync(log)
    return child
  }
  const peer = (host: 'dialer' | 'listener', implementation: Implementation): ChildProcess => {
    const { ip, gateway } = lab.host(host)
    const names = host === 'dialer' ? { IS_DIALER: 'true', DIALER_IP: ip } : { IS_DIALER: 'false', LISTENER_IP: ip }
    const env = { ...names, PEER_IP: ip, ROUTER_IP: gateway ?? '' }
    return start(host, options.peers.get(implementation)!.command, env)
  }

  // the contract: Redis is there before the programs are
  const argv = redisCommand(options.redis, redisIp, REDIS_PORT)
  const server = lab.spawn('relay', argv, { stdio: ['ignore', 'pipe', 'ignore'] })
  await ready(server)
  const relaying = start('relay', options.peers.get(cell.relay)!.command, { IS_RELAY: 'true', RELAY_IP: relay.ip })
  const listener = peer('listener', cell.listener)
  const dialer = peer('dialer', cell.dialer)
  const report = text(dialer.stdout!)

  const deadline = AbortSignal.timeout(CELL_DEADLINE_MS)
  const first = await Promise.race([
    ended('redis-server', server),
    ended('the relay', relaying),
    ended('the listener', listener),
    ended('the dialer', dialer),
    once(deadline, 'abort').then(() => ({ who: 'the deadline', code: null }))
  ])
  const failed = (reason: string): Outcome => ({ ok: false, reason, logs })
  if (first.who === 'the deadline') return failed(`no result after ${CELL_DEADLINE_MS / 1000} s`)
  if (first.who !== 'the dialer' || first.code !== 0) return failed(`${first.who} ended with ${first.code}`)
  const timings = parseReport(await report)
  return timings === undefined ? failed('the dialer printed no result') : { ok: true, timings }
}

/** What `--debug` adds to the contract's DEBUG=true, for implementations that listen to something else. */
const VERBOSE = {
  RUST_LOG: 'libp2p_dcutr=trace,libp2p_relay=debug,libp2p_swarm=debug,libp2p_identify=debug',
  GOLOG_LOG_LEVEL: 'info,p2p-holepunch=debug,p2p-circuit=debug,relay=debug,swarm2=debug'
}

/** @throws Error with what Redis said when it ends instead */
async function ready(server: ChildProcess): Promise<void> {
  let said = ''
  for await (const chunk of server.stdout!) {
    said += chunk
    if (said.includes('Ready to accept connections')) return
  }
  throw new Error(`redis-server ended: ${said}`)
}

async function ended(who: string, child: ChildProcess): Promise<{ who: string; code: number | string | null }> {
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { who, code: code ?? signal }
}

/** Two lines of the contract's YAML, and one of our own. */
export function parseReport(yaml: string): Timings | undefined {
  const value = (key: string) => Number(new RegExp(`^${key}: ([\\d.]+)$`, 'm').exec(yaml)?.[1] ?? Number.NaN)
  const handshakeMs = value('handshakeTime')
  return Number.isNaN(handshakeMs) || !yaml.includes('unit: ms')
    ? undefined
    : { handshakeMs, fromDialMs: value('fromDial') }
}
