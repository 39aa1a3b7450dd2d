import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from './settings.ts'

const POLL_MS = 50
const DEADLINE_MS = 30_000

/**
 * Where the three programs of a test find each other: keys in Redis. Two commands, one at a time, whose values have no
 * line breaks in them: for that much of the protocol (RESP2) no client is needed.
 */
export class Meeting {
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>
  readonly #prefix: string

  constructor(socket: Socket, prefix: string) {
    this.#socket = socket
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    this.#prefix = prefix
  }

  /** Redis may start after us. @throws Error when it does not within 30 s */
  static async open({ redis, key }: Settings): Promise<Meeting> {
    const socket = await poll(`Redis at ${redis.host}:${redis.port}`, async () => {
      const socket = connect(redis)
      return await once(socket, 'connect').then(
        () => socket,
        () => undefined
      )
    })
    return new Meeting(socket, `${key}_`)
  }

  async publish(name: string, value: string): Promise<void> {
    process.stderr.write(`${this.#prefix}${name} = ${value}\n`)
    const answer = await this.#command('SET', this.#prefix + name, value)
    if (answer !== '+OK') throw new Error(`Redis answered ${answer}`)
  }

  /** @throws Error when nobody sets it within 30 s */
  async waitFor(name: string): Promise<string> {
    return await poll(this.#prefix + name, async () => {
      const length = await this.#command('GET', this.#prefix + name)
      if (!length.startsWith('$')) throw new Error(`Redis answered ${length}`)
      return length === '$-1' ? undefined : await this.#line()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  async #command(...words: string[]): Promise<string> {
    const parts = words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`)
    return await this.#line()
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('Redis hung up')
    return value
  }
}

async function poll<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + DEADLINE_MS
  for (;;) {
    const value = await attempt()
    if (value !== undefined) return value
    if (performance.now() > deadlineMs) throw new Error(`${what}: nothing in time`)
    await sleep(POLL_MS)
  }
}
