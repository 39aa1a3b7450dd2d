import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '../../lab/lab.ts'
import { whenReady } from '../beeline.ts'
import type { Contender, Program } from './contenders.ts'

/** The last line of `beeline ping --json`, as far as it is read here. */
export interface Summary {
  readonly connected: boolean
  readonly direct: boolean
  readonly technique: string | null
  readonly msFirstByte: number | null
  readonly msDirect: number | null
  readonly attempts: readonly { technique: string; outcome: string; reason: string }[]
}

export type HubTransport = 'quic' | 'tcp'

const DEADLINE_SECONDS = 20
/** Starting Node and a node that dials its hub comes on top of the deadline. */
const START_MS = 15_000

/** One contender's hub and waiting peer, running in a lab. They end with the lab. */
export class Site {
  readonly #lab: Lab
  readonly #contender: Contender
  readonly #peer: string
  readonly #hub: string

  constructor(lab: Lab, contender: Contender, peer: string, hub: string) {
    this.#lab = lab
    this.#contender = contender
    this.#peer = peer
    this.#hub = hub
  }

  /** @param transport how both peers reach the hub */
  static async start(lab: Lab, contender: Contender, transport: HubTransport, signal: AbortSignal): Promise<Site> {
    const start = (host: string, program: Program) =>
      whenReady(lab.spawn(host, program, { stdio: ['ignore', 'pipe', 'pipe'] }), signal)
    // keys are read once, at the start
    const data = await mkdtemp(join(tmpdir(), 'beeline-bench-'))
    try {
      const hub = await start('hub', contender.hub(lab.host('hub').ip, data))
      const wanted = transport === 'quic' ? /\/quic-v1\// : /\/tcp\/\d+\/p2p\//
      const address = hub.addrs.find(each => wanted.test(each))
      if (address == null) throw new Error(`the hub has no address for ${transport}: ${hub.addrs.join(', ')}`)
      const { id } = await start('alice', contender.up(address, data))
      return new Site(lab, contender, id, address)
    } finally {
      await rm(data, { recursive: true, force: true })
    }
  }

  /** One connect, by a fresh process with a fresh identity. @throws Error when it ended without a summary */
  async connect(signal: AbortSignal): Promise<Summary> {
    const program = this.#contender.ping(this.#peer, this.#hub, DEADLINE_SECONDS)
    const timeoutMs = DEADLINE_SECONDS * 1000 + START_MS
    const { stdout, stderr, code } = await this.#lab.exec('bob', program, { timeoutMs, signal })
    const last = stdout.trim().split('\n').at(-1)
    const summary = last ? JSON.parse(last) : undefined
    if (summary?.event === 'summary') return summary
    throw new Error(`ping ended with code ${code} and no summary: ${stderr.trim()}`)
  }
}
