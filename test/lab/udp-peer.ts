import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'

interface Received {
  text: string
  /** address:port */
  from: string
}

const PROGRAM = fileURLToPath(new URL('udp-program.ts', import.meta.url))
const ANSWER_TIMEOUT_MS = 2000

/** A UDP socket in a host of a lab. */
export class UdpPeer {
  readonly host: string
  port = 0
  readonly received: Received[] = []
  readonly #child: ChildProcess
  #heard = () => {}

  private constructor(lab: Lab, host: string, address: string, port: number) {
    this.host = host
    this.#child = lab.spawn(host, [process.execPath, PROGRAM, address, `${port}`], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      const event = JSON.parse(line) as Received & { port: number }
      if (event.port === undefined) this.received.push(event)
      else this.port = event.port
      this.#heard()
    })
  }

  static async open(lab: Lab, host: string, port = 0, address = '0.0.0.0'): Promise<UdpPeer> {
    const peer = new UdpPeer(lab, host, address, port)
    await peer.#until(() => peer.port !== 0)
    return peer
  }

  send(to: string, port: number, text: string): void {
    this.#child.stdin!.write(`${JSON.stringify({ to, port, text })}\n`)
  }

  /** The next datagram that says so, or undefined when none comes in time. */
  async hears(text: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Received | undefined> {
    const find = () => this.received.find(one => one.text === text)
    await this.#until(() => find() !== undefined, timeoutMs)
    return find()
  }

  /** As what address:port that other socket sees this one; undefined when it does not answer. */
  async seenBy(to: string, port: number, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string | undefined> {
    const mark = ` ${Math.random()}`
    this.send(to, port, `who?${mark}`)
    const find = () => this.received.find(one => one.text.endsWith(mark))
    await this.#until(() => find() !== undefined, timeoutMs)
    return find()?.text.split(' ')[2]
  }

  #until(done: () => boolean, timeoutMs = ANSWER_TIMEOUT_MS): Promise<void> {
    if (done()) return Promise.resolve()
    return new Promise(resolve => {
      const stop = () => {
        clearTimeout(timer)
        this.#heard = () => {}
        resolve()
      }
      const timer = setTimeout(stop, timeoutMs)
      this.#heard = () => {
        if (done()) stop()
      }
    })
  }
}
