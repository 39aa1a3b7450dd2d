import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnInside } from './enter.ts'

interface Handle {
  ref(): void
  unref(): void
}

/**
 * A program that belongs to a lab itself, as the lab holds it: it says a line when it is ready, and one for each command, which is a
 * line of JSON. It ends with the lab.
 */
export class LineProcess {
  readonly #child: ChildProcess
  readonly #answers: (() => void)[] = []
  #fail: (cause: Error) => void = () => {}
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject
  })

  private constructor(keeper: number, host: string, argv: readonly string[], what: string) {
    const child = spawnInside(keeper, host, argv, { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '' } })
    this.#child = child
    this.#failed.catch(() => {})
    let said = ''
    child.stderr!.on('data', chunk => {
      said = (said + chunk).slice(-4000)
    })
    child.stdin!.on('error', () => {})
    createInterface({ input: child.stdout! }).on('line', () => this.#answers.shift()?.())
    once(child, 'close').then(
      () => this.#fail(new Error(`${what} ended: ${said.trim() || child.exitCode}`)),
      this.#fail
    )
  }

  /**
   * @param program of Node, with its argument, which it gets as JSON
   * @param what it is called in errors
   */
  static async start(
    keeper: number,
    host: string,
    program: string,
    argument: unknown,
    what: string
  ): Promise<LineProcess> {
    const started = new LineProcess(keeper, host, [process.execPath, program, JSON.stringify(argument)], what)
    await started.#answer()
    for (const stream of [started.#child, ...started.#child.stdio]) (stream as unknown as Handle).unref()
    return started
  }

  /** Resolves when it has obeyed. @throws Error when it has ended */
  async tell(command: unknown): Promise<void> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
    await this.#answer()
  }

  /** Only while it waits does the process keep the program alive. */
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
