import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnInside } from '../enter.ts'
import { sibling } from '../sibling.ts'
import type { LinkSpec } from '../spec.ts'
import { WIRE } from '../spec.ts'
import type { WireLink } from './main.ts'

/** The wire's process as the lab holds it. It ends with the lab. */
export class WireProcess {
  readonly #child: ChildProcess
  readonly #answers: (() => void)[] = []
  #fail: (cause: Error) => void = () => {}
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject
  })

  private constructor(keeper: number, links: WireLink[]) {
    const argv = [process.execPath, sibling(import.meta.url, 'main'), JSON.stringify(links)]
    const child = spawnInside(keeper, WIRE, argv, { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '' } })
    this.#child = child
    this.#failed.catch(() => {})
    let said = ''
    child.stderr!.on('data', chunk => {
      said = (said + chunk).slice(-4000)
    })
    child.stdin!.on('error', () => {})
    createInterface({ input: child.stdout! }).on('line', () => this.#answers.shift()?.())
    once(child, 'close').then(
      () => this.#fail(new Error(`the process of the shaped links ended: ${said.trim() || child.exitCode}`)),
      this.#fail
    )
  }

  static async start(keeper: number, links: WireLink[]): Promise<WireProcess> {
    const wire = new WireProcess(keeper, links)
    await wire.#answer()
    for (const stream of [wire.#child, ...wire.#child.stdio]) (stream as unknown as Handle).unref()
    return wire
  }

  /** Resolves when packets are treated that way. */
  async change(name: string, link: LinkSpec): Promise<void> {
    this.#child.stdin!.write(`${JSON.stringify({ name, link })}\n`)
    await this.#answer()
  }

  /** Only while it waits does the wire keep the program alive. */
  async #answer(): Promise<void> {
    const stdout = this.#child.stdout as unknown as Handle
    stdout.ref()
    try {
      await Promise.race([new Promise<void>(resolve => this.#answers.push(resolve)), this.#failed])
    } finally {
      if (this.#answers.length === 0) stdout.unref()
    }
  }
}

interface Handle {
  ref(): void
  unref(): void
}
