import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'

const PROGRAM = fileURLToPath(new URL('portmap-program.ts', import.meta.url))
/** Longer than all that a mapper waits for before it gives up. */
const EVENT_TIMEOUT_MS = 20_000
const LOOK_AGAIN_MS = 100

export type MapperEvent = { readonly event: string } & Readonly<Record<string, unknown>>

/** A port mapper in a host of a lab. */
export class MapperPeer {
  readonly events: MapperEvent[] = []
  readonly #child: ChildProcess

  private constructor(lab: Lab, host: string, families: readonly (4 | 6)[]) {
    this.#child = lab.spawn(host, [process.execPath, PROGRAM, ...families.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.events.push(JSON.parse(line)))
  }

  static async open(lab: Lab, host: string, families: readonly (4 | 6)[]): Promise<MapperPeer> {
    const peer = new MapperPeer(lab, host, families)
    await peer.event('ready')
    return peer
  }

  tell(command: string): void {
    this.#child.stdin!.write(`${command}\n`)
  }

  /** Without a chance to take its mappings away. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** The first event of that name, or of one of those. @throws Error when there is none in time */
  async event(names: string | readonly string[]): Promise<MapperEvent> {
    const find = () => this.events.find(({ event }) => [names].flat().includes(event))
    await this.until(async () => find() !== undefined, `an event '${names}'`)
    return find()!
  }

  /** Waits for a state, by looking again and again. @throws Error that says what has happened instead */
  async until(done: () => Promise<boolean>, what: string, timeoutMs = EVENT_TIMEOUT_MS): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (!(await done())) {
      if (performance.now() > endMs) throw new Error(`waited in vain for ${what}: ${JSON.stringify(this.events)}`)
      await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
}
