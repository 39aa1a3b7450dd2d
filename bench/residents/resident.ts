import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { childOf } from '../../lab/enter.ts'
import type { Lab } from '../../lab/lab.ts'
import type { Attempt } from '../../src/traversal/attempt.ts'
import { beeline, whenReady } from '../beeline.ts'
import type { Connect, Order, PeerEvent } from './peer.ts'

const PEER = fileURLToPath(new URL('peer.ts', import.meta.url))
/** Starting Node and two nodes, and an examination, on a machine that starts others at the same time. */
const READY_MS = 60_000
const CONNECT_MS = 60_000

export interface LabHub {
  /** At its host's first address, by QUIC and by TCP. */
  readonly hubs: readonly string[]
  /** Of its process, as the system outside of the lab has it. */
  readonly pid: number
}

/** Starts a hub with all addresses that its host has. */
export async function startHub(lab: Lab, signal: AbortSignal): Promise<LabHub> {
  const data = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
  const { ips, ip } = lab.host('hub')
  const program = beeline('hub', ...ips.flatMap(each => ['--host', each]), '--data', data)
  const child = lab.spawn('hub', program, { stdio: ['ignore', 'pipe', 'pipe'] })
  // its key and its records
  child.once('close', () => void rm(data, { recursive: true, force: true }))
  const { addrs } = await whenReady(child, signal)
  const isHere = (each: string) => each.startsWith(`/ip4/${ip}/`) && /\/quic-v1\/p2p\/|\/tcp\/\d+\/p2p\//.test(each)
  return { hubs: addrs.filter(isHere), pid: childOf(child.pid!)! }
}

/** A peer.ts in a lab, which ends with it. */
export class Resident {
  /** Of links that others have begun, the latest last. */
  readonly attempts: Attempt[] = []
  id = ''
  relayedId = ''
  readonly #child: ChildProcess
  #errors = ''
  #heard: (event: PeerEvent) => void = () => {}
  #failed: (error: Error) => void = () => {}

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stderr!.on('data', chunk => {
      this.#errors = `${this.#errors}${chunk}`.slice(-4_000)
    })
    createInterface({ input: child.stdout! }).on('line', line => {
      const event = JSON.parse(line) as PeerEvent
      if (event.event === 'attempt') this.attempts.push(event.attempt)
      else this.#heard(event)
    })
    // of one that has ended is told by what follows
    child.stdin!.on('error', () => {})
    child.once('close', code => this.#failed(new Error(`a peer ended with code ${code}: ${this.#errors}`)))
  }

  static async start(lab: Lab, host: string, hubs: readonly string[], signal: AbortSignal): Promise<Resident> {
    const peer = new Resident(lab.spawn(host, [process.execPath, PEER, JSON.stringify({ hubs })], { stdio: 'pipe' }))
    const { id, relayedId } = await peer.#next('ready', READY_MS, signal)
    return Object.assign(peer, { id, relayedId })
  }

  /** @throws Error when the program has died, or says nothing */
  async connect(to: Resident, by: Order['by'], signal: AbortSignal): Promise<Connect> {
    const order: Order = { to: by === 'relay' ? to.relayedId : to.id, by }
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
    return await this.#next('connect', CONNECT_MS, signal)
  }

  /** Says goodbye to everybody. */
  async stop(): Promise<void> {
    this.#failed = () => {}
    this.#child.stdin!.end()
    if (this.#child.exitCode == null && this.#child.signalCode == null) await once(this.#child, 'close')
  }

  async #next<T extends PeerEvent['event']>(name: T, ms: number, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<PeerEvent, { event: T }>>()
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)])
    const onAbort = () => reject(new Error(`no '${name}': ${limit.reason}. ${this.#errors}`))
    this.#heard = event => event.event === name && resolve(event as Extract<PeerEvent, { event: T }>)
    this.#failed = reject
    limit.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } finally {
      limit.removeEventListener('abort', onAbort)
    }
  }
}
