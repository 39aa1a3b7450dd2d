import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** System tools live in sbin, which is not on everybody's PATH. */
export const TOOL_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

const READY = 'ready'
/** How long the kernel may take to end every process of a lab; a few milliseconds in practice. */
const CLOSE_TIMEOUT_MS = 5000

/**
 * What runs as process 1 of a lab: it hides the machine's /run (so that names of namespaces are the lab's own), lets the
 * kernel reap orphans (ignored SIGCHLD survives exec), and waits for its standard input to end.
 */
const INIT = `mount -t tmpfs tmpfs /run && mkdir /run/netns && trap '' CHLD && echo ${READY} && exec cat >/dev/null`

/**
 * The process that a lab lives in. Its standard input is the leash: however the process that opened the lab ends, even by
 * kill -9, the pipe closes, process 1 of the lab's PID namespace exits, and the kernel ends all other processes in there
 * and removes the networks. There is nothing to clean up, ever.
 */
export class Keeper {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** @throws Error with what `unshare` or `mount` said */
  static async start(): Promise<Keeper> {
    const user = isRoot() ? [] : ['--user', '--map-root-user']
    const child = spawn(
      'unshare',
      [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', INIT],
      // a session of its own: Ctrl-C at the terminal is for the program that uses the lab, which then closes it
      { stdio: 'pipe', detached: true, env: { ...process.env, PATH: TOOL_PATH } }
    )
    let said = ''
    child.stderr.on('data', chunk => {
      said += chunk
    })
    child.stdin.on('error', () => {})
    const ready = once(child.stdout, 'data')
    const ended = once(child, 'close').then(() => {
      throw new Error(said.trim() || `unshare ended with ${child.exitCode ?? child.signalCode}`)
    })
    ended.catch(() => {})
    await Promise.race([ready, ended])
    // a lab that somebody forgot to close must not keep the program alive
    child.unref()
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref(): void }).unref()
    return new Keeper(child)
  }

  get pid(): number {
    return this.#process.pid!
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Resolves when every process of the lab has ended. */
  async stop(): Promise<void> {
    if (!this.running) return
    const closed = once(this.#process, 'exit')
    this.#process.ref()
    this.#process.stdin!.end()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_TIMEOUT_MS)
    await closed
    clearTimeout(timer)
  }
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}
