import { randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { Link } from '../node/link.ts'
import type { Node } from '../node/node.ts'
import type { LinkPath } from '../node/path.ts'

/** Each ping is 32 bytes, which come back as they are; as many on one stream as its opener likes. */
export const PING_PROTOCOL = '/beeline/ping/1.0.0'
const PAYLOAD_BYTES = 32
/** A ping stream on which nothing comes for so long is closed by the side that answers. */
const IDLE_MS = 120_000
/** The pause before a lost link is tried again, twice as long each time. */
const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 2_000
/** Errors that another try would only repeat. */
const FINAL: ReadonlySet<string> = new Set(['UNSUPPORTED', 'MALFORMED', 'BAD_ADDRESS'])

export interface Pong {
  /** From when the ping was first sent, over whatever path. */
  readonly rttMs: number
  /** The path that it came back by. */
  readonly path: LinkPath
}

/** Echoes pings for as long as their sender likes. */
export async function answerPings(node: Node): Promise<void> {
  await node.handle(PING_PROTOCOL, async stream => {
    const bytes = byteStream(stream)
    try {
      for (;;) {
        const payload = await bytes.read({ bytes: PAYLOAD_BYTES, signal: AbortSignal.timeout(IDLE_MS) })
        await bytes.write(payload, { signal: AbortSignal.timeout(IDLE_MS) })
      }
    } catch {
      await stream.close().catch(() => {})
    }
  })
}

/**
 * Pings over one stream, in order. It goes on whatever becomes of the path; to a peer of another kind an open stream stays on its path,
 * so when the link has another one the next ping goes over a new stream. When a stream breaks before its answer has come, the same ping is
 * sent again, over what is left of the link or over a new one: each ping has exactly one answer.
 */
export class Pinger {
  readonly #reconnect: (signal: AbortSignal) => Promise<Link>
  #link: Link
  #current: { stream: Stream; bytes: ReturnType<typeof byteStream<Stream>>; path: LinkPath } | undefined

  constructor(link: Link, reconnect: (signal: AbortSignal) => Promise<Link>) {
    this.#link = link
    this.#reconnect = reconnect
  }

  /** The path that the next ping takes, if it does not change before. */
  get path(): LinkPath | undefined {
    return this.#link.path
  }

  /** @throws NatError UNSUPPORTED, MALFORMED; when the signal aborts, what the last try failed with */
  async ping(signal: AbortSignal): Promise<Pong> {
    const payload = randomBytes(PAYLOAD_BYTES)
    const startMs = performance.now()
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(MAX_RETRY_MS, pauseMs * 2)) {
      try {
        const open = await this.#open(signal)
        const left = this.#link.path ?? open.path
        await open.bytes.write(payload, { signal })
        const answer = await open.bytes.read({ bytes: PAYLOAD_BYTES, signal })
        if (!payload.equals(answer.subarray())) throw new NatError('MALFORMED', 'the answer is not what was sent')
        return { rttMs: performance.now() - startMs, path: this.#wentBy(open.path, left) }
      } catch (error) {
        this.#current?.stream.abort(error as Error)
        this.#current = undefined
        if (signal.aborted || (error instanceof NatError && FINAL.has(error.code))) throw error
      }
      await sleep(realClock, pauseMs, signal)
    }
  }

  async close(): Promise<void> {
    await this.#current?.stream.close().catch(() => {})
  }

  /** A ping that was on its way when the path changed went by the old one, in part. */
  #wentBy(opened: LinkPath, left: LinkPath): LinkPath {
    if (this.#link.session == null) return opened
    const came = this.#link.path ?? left
    return left.kind === 'relay' ? left : came
  }

  async #open(signal: AbortSignal) {
    if (this.#link.path == null) this.#link = await this.#reconnect(signal)
    const path = this.#link.path
    const current = this.#current
    const stays = this.#link.session != null
    if (current != null && path != null && (stays || same(current.path, path))) return current
    await this.close()
    this.#current = undefined
    const stream = await this.#link.openStream(PING_PROTOCOL, { signal })
    // the path may have changed while the stream was opened, and then it is the new one that it went by
    const opened = { stream, bytes: byteStream(stream), path: this.#link.path ?? path ?? UNKNOWN }
    this.#current = opened
    return opened
  }
}

const UNKNOWN: LinkPath = { kind: 'relay', transport: 'quic', remote: '?' }

function same(one: LinkPath, other: LinkPath): boolean {
  return one.kind === other.kind && one.remote === other.remote && one.transport === other.transport
}
