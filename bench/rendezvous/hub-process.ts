import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { cpuSeconds } from '../cpu.ts'
import { HUB_CORE, onCore } from './cores.ts'
import type { Heap, Ready, Way } from './hub.ts'

const HUB = fileURLToPath(new URL('hub.ts', import.meta.url))

export interface Memory {
  /** What its JavaScript holds, buffers included, after a collection. */
  readonly heap: number
  /** What the process has of its own: what was read from files is not in it. */
  readonly resident: number
}

/** A hub in a process of its own, with a core of its own, without limits per source. */
export class HubProcess {
  /** Of its HTTP API. */
  readonly origin: string
  readonly addresses: Readonly<Record<Way, string>>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, { origin, addresses }: Ready) {
    this.#child = child
    this.origin = origin
    this.addresses = addresses
  }

  static async start(store: string): Promise<HubProcess> {
    const [program, ...args] = onCore(HUB_CORE, [process.execPath, '--expose-gc', HUB, store])
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    return new HubProcess(child, (await reply(child)) as Ready)
  }

  async cpuSeconds(): Promise<number> {
    return await cpuSeconds(this.#child.pid!)
  }

  async memory(): Promise<Memory> {
    this.#child.send('heap')
    const { heap } = (await reply(this.#child)) as Heap
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8')
    return { heap, resident: Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1_024 }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode != null || this.#child.signalCode != null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

async function reply(child: ChildProcess): Promise<unknown> {
  const abort = new AbortController()
  const { signal } = abort
  try {
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the hub ended with code ${code}`)
    })
    const [message] = await Promise.race([once(child, 'message', { signal }), ended])
    return message
  } finally {
    abort.abort()
  }
}
