import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { median } from '../statistics.ts'
import type { Contender, Relayed } from './contenders.ts'
import type { PeerReply, PeerRequest } from './peer.ts'

export interface Run {
  /** Megabytes of payload a second, as the receiver counted them between the first and the last byte. */
  readonly MBps: number
  /** Of both processes together, while the bytes went from one to the other. */
  readonly cpuSecondsPerGB: number
  /** The median of the run. */
  readonly roundTripMicros: number
}

const PEER = fileURLToPath(new URL('./peer.ts', import.meta.url))
const ANSWER_MS = 60_000

/** Two processes that speak one transport. They live from round to round, so that what is measured is compiled code. */
export class Pair implements AsyncDisposable {
  readonly #dialer: Peer
  readonly #listener: Peer
  readonly #address: string

  constructor(dialer: Peer, listener: Peer, address: string) {
    this.#dialer = dialer
    this.#listener = listener
    this.#address = address
  }

  static async start(contender: Contender | Relayed, relay?: string): Promise<Pair> {
    const listener = new Peer(contender, relay)
    const dialer = new Peer(contender, relay)
    try {
      const [{ ready }] = await Promise.all([listener.next('ready'), dialer.next('ready')])
      return new Pair(dialer, listener, ready)
    } catch (error) {
      await Promise.all([dialer.stop(), listener.stop()])
      throw error
    }
  }

  /** One transfer and some echoes, each over a connection of its own. */
  async run(bytes: number, echoes: number): Promise<Run> {
    const before = await this.#cpuMicros()
    await this.#dialer.ask({ ask: 'send', to: this.#address, bytes }, 'sent')
    const { receivedBytes, receivingMs, cpuMicros } = await this.#listener.ask({ ask: 'usage' }, 'cpuMicros')
    const after = cpuMicros + (await this.#dialer.ask({ ask: 'usage' }, 'cpuMicros')).cpuMicros
    if (receivedBytes !== bytes) throw new Error(`${receivedBytes} of ${bytes} bytes arrived`)
    const { roundTripsMicros } = await this.#dialer.ask(
      { ask: 'echo', to: this.#address, count: echoes },
      'roundTripsMicros'
    )
    return {
      MBps: bytes / 1000 / receivingMs,
      cpuSecondsPerGB: (after - before) / 1e6 / (bytes / 1e9),
      roundTripMicros: median(roundTripsMicros)
    }
  }

  async #cpuMicros(): Promise<number> {
    const both = await Promise.all([this.#dialer, this.#listener].map(peer => peer.ask({ ask: 'usage' }, 'cpuMicros')))
    return both.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#dialer.stop(), this.#listener.stop()])
  }
}

type ReplyWith<Key extends string> = Extract<PeerReply, Record<Key, unknown>>
type KeyOf<T> = T extends unknown ? keyof T & string : never

class Peer {
  readonly #child: ChildProcess

  constructor(contender: Contender | Relayed, relay?: string) {
    this.#child = fork(PEER, [contender, ...(relay == null ? [] : [relay])], { execArgv: process.execArgv })
  }

  async ask<Key extends KeyOf<PeerReply>>(request: PeerRequest, key: Key): Promise<ReplyWith<Key>> {
    this.#child.send(request)
    return this.next(key)
  }

  /** The next reply, which has to have that key. */
  async next<Key extends KeyOf<PeerReply>>(key: Key): Promise<ReplyWith<Key>> {
    const abort = new AbortController()
    const { signal } = abort
    const silent = Promise.withResolvers<never>()
    const timer = setTimeout(() => silent.reject(new Error(`a peer said nothing for ${ANSWER_MS / 1000} s`)), ANSWER_MS)
    try {
      const ended = once(this.#child, 'exit', { signal }).then(([code]) => {
        throw new Error(`a peer ended with code ${code}`)
      })
      const [reply] = (await Promise.race([once(this.#child, 'message', { signal }), ended, silent.promise])) as [
        PeerReply
      ]
      if (key in reply) return reply as ReplyWith<Key>
      throw new Error(`a peer says ${JSON.stringify(reply)}`)
    } finally {
      clearTimeout(timer)
      abort.abort()
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode != null || this.#child.signalCode != null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill()
    await exit
  }
}
