import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** For Node: a fault of ours ends the program. */
export const FAULTS_END_IT = ['--import', new URL('../faults.ts', import.meta.url).href] as const

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Event = Record<string, unknown> & { readonly event: string }

/** A run of the command line that goes on: its events come as they are printed. */
export class Program {
  readonly child: ChildProcess
  readonly events: Event[] = []
  readonly ended: Promise<Ended>
  #waiting = new Set<() => void>()

  constructor(child: ChildProcess) {
    this.child = child
    const said = { stdout: '', stderr: '' }
    this.child.stderr!.on('data', chunk => {
      said.stderr += chunk
    })
    this.child.stdout!.on('data', chunk => {
      said.stdout += chunk
    })
    createInterface({ input: this.child.stdout! }).on('line', line => {
      if (line.startsWith('{')) this.events.push(JSON.parse(line))
      for (const wake of this.#waiting) wake()
    })
    this.ended = once(this.child, 'close').then(([code]) => ({ code, ...said }))
  }

  /** The first event that fits, whether it has come or is to come. @throws Error when the program ends without one */
  async event(fits: (event: Event) => boolean): Promise<Event> {
    for (;;) {
      const found = this.events.find(fits)
      if (found != null) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      const end = await Promise.race([promise, this.ended])
      this.#waiting.delete(resolve)
      if (end != null && !this.events.some(fits)) throw new Error(`it ended before that: ${JSON.stringify(end)}`)
    }
  }

  /** Ends it as Ctrl-C does. */
  async interrupt(): Promise<Ended> {
    this.child.kill('SIGINT')
    return await this.ended
  }
}

/** Programs and a folder for one test, gone when it ends. */
export async function bench(t: TestContext, more: NodeJS.ProcessEnv = {}) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-cli-'))
  const programs: Program[] = []
  t.after(async () => {
    for (const { child } of programs) child.kill('SIGKILL')
    await Promise.all(programs.map(({ ended }) => ended))
    await rm(data, { recursive: true, force: true })
  })
  // keys of the tests stay out of the person's configuration folder, and that person's hubs out of the tests
  const env = { XDG_CONFIG_HOME: join(data, 'config'), BEELINE_HUB: '', BEELINE_TOKEN: '', ...more }
  const start = (...args: string[]): Program => {
    const options = { env: { ...process.env, ...env }, stdio: 'pipe' } as const
    const program = new Program(spawn(process.execPath, [...FAULTS_END_IT, MAIN, ...args], options))
    programs.push(program)
    return program
  }
  return {
    data,
    start,
    run: (...args: string[]): Promise<Ended> => start(...args).ended,
    /** A hub on loopback, at the port of an earlier one if it is to take its place. */
    async hub(port = 0, httpPort = 0) {
      const program = start('hub', '--host', '127.0.0.1', '--port', `${port}`, '--http-port', `${httpPort}`, '--json')
      const { id, addrs } = (await program.event(({ event }) => event === 'ready')) as { id?: string; addrs?: string[] }
      return { program, id: id!, addrs: addrs! }
    },
    async up(hub: string, ...args: string[]) {
      const program = start('up', '--hub', hub, '--json', ...args)
      const { id } = (await program.event(({ event }) => event === 'ready')) as { id?: string }
      return { program, id: id! }
    }
  }
}

export function lines(stdout: string): Event[] {
  return stdout
    .trim()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}
