import type { Connection, Stream } from '@libp2p/interface'
import { Allowance } from '../../core/allowance.ts'
import { sleep } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { fault } from '../../core/fault.ts'
import { PATH_PROTOCOL, type PathMessage, pathMessageCodec } from '../../wire/path.ts'
import { Frames } from '../frames.ts'
import type { LinksContext } from './context.ts'

/** A stream that was reset is opened again after so long. */
const REOPEN_MS = 1_000

/**
 * Messages that are read as they come; further ones wait in the stream, which ends when too much waits there. An honest side tells its candidates
 * a dozen times while it finds them out, and each costs us a look at all paths.
 */
const READ_ALLOWANCE = { burst: 64, refillMs: 100, maxKeys: 1 } as const

const LATEST: ReadonlySet<PathMessage['type']> = new Set(['CANDIDATES', 'REPORT'])

/** What is said while there is no stream: attempts that say more than that are over before it is heard. */
const MAX_WAITING = 64

/** The messages of the two path agents: over one stream of the link, which its dialler opens. */
export class PathStream {
  readonly #context: LinksContext
  readonly #onMessage: (message: PathMessage) => void
  readonly #onStream: () => void
  readonly #over = new AbortController()
  readonly #readable = new Allowance(READ_ALLOWANCE)
  /** What the agent has said before there was a stream. */
  readonly #waiting: PathMessage[] = []
  #frames: Frames<PathMessage> | undefined

  constructor(context: LinksContext, onMessage: (message: PathMessage) => void, onStream: () => void) {
    this.#context = context
    this.#onMessage = onMessage
    this.#onStream = onStream
  }

  /** Keeps a stream open on that connection. */
  open(connection: Connection): void {
    void this.#keep(connection)
  }

  /** Takes a stream that the other side has opened; it takes the place of one before. */
  take(stream: Stream): void {
    this.#frames?.stream.abort(new NatError('LINK_CLOSED', 'a newer path stream is there'))
    void this.#run(stream)
  }

  send(message: PathMessage): void {
    const { signal } = this.#over
    if (signal.aborted) return
    if (this.#frames == null) {
      // of lists of candidates, and of reports, the last one counts
      const at = LATEST.has(message.type) ? this.#waiting.findIndex(({ type }) => type === message.type) : -1
      if (at >= 0) this.#waiting.splice(at, 1)
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message)
      return
    }
    try {
      this.#frames.send(message)
    } catch (error) {
      // a codec throws nothing else; whatever the stream throws is its end
      if (error instanceof NatError && error.code === 'MALFORMED') fault(error)
      this.#context.log('a path message did not leave - %e', error)
    }
  }

  close(): void {
    const reason = new NatError('LINK_CLOSED', 'the link is over')
    this.#over.abort(reason)
    this.#frames?.stream.abort(reason)
    this.#waiting.length = 0
  }

  async #keep(connection: Connection): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted && connection.status === 'open') {
      try {
        await this.#run(await connection.newStream(PATH_PROTOCOL, { signal, runOnLimitedConnection: true }))
      } catch (error) {
        this.#context.log('no path stream - %e', error)
      }
      await sleep(this.#context.clock, REOPEN_MS, signal).catch(() => {})
    }
  }

  async #run(stream: Stream): Promise<void> {
    const { clock } = this.#context
    const { signal } = this.#over
    const frames = new Frames<PathMessage>(stream, pathMessageCodec, 'path')
    this.#frames = frames
    this.#onStream()
    for (const message of this.#waiting.splice(0)) this.send(message)
    try {
      for (;;) {
        const message = await frames.read(signal)
        while (!this.#readable.take('', clock.now())) await sleep(clock, READ_ALLOWANCE.refillMs, signal)
        // whoever opens one stream after the other has the newest only
        if (this.#frames === frames) this.#onMessage(message)
      }
    } catch (error) {
      this.#context.log.trace('the path stream ended - %e', error)
      stream.abort(error as Error)
    } finally {
      if (this.#frames === frames) this.#frames = undefined
    }
  }
}
