import { randomBytes } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import type { Link } from '../node/link.ts'
import type { Node } from '../node/node.ts'
import type { LinkPath } from '../node/path.ts'

export const PING_PROTOCOL = '/beeline/ping/1.0.0'
const PAYLOAD_BYTES = 32
/** A ping stream on which nothing comes for so long is closed by the side that answers. */
const IDLE_MS = 120_000

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

/** Pings over one stream, which is opened anew when the link has another path: an open stream stays where it is. */
export class Pinger {
  readonly #link: Link
  #stream: { stream: Stream; bytes: ReturnType<typeof byteStream<Stream>>; path: LinkPath } | undefined

  constructor(link: Link) {
    this.#link = link
  }

  /** @returns the round trip in milliseconds, and the path that it went by */
  async ping(signal: AbortSignal): Promise<{ rttMs: number; path: LinkPath }> {
    const open = await this.#open(signal)
    const payload = randomBytes(PAYLOAD_BYTES)
    const startMs = performance.now()
    await open.bytes.write(payload, { signal })
    const answer = await open.bytes.read({ bytes: PAYLOAD_BYTES, signal })
    if (!payload.equals(answer.subarray())) throw new Error('the answer is not what was sent')
    return { rttMs: performance.now() - startMs, path: open.path }
  }

  async close(): Promise<void> {
    await this.#stream?.stream.close().catch(() => {})
  }

  async #open(signal: AbortSignal) {
    const path = this.#link.path
    const current = this.#stream
    if (current != null && path != null && current.path.kind === path.kind && current.path.remote === path.remote) {
      return current
    }
    await this.close()
    const stream = await this.#link.openStream(PING_PROTOCOL, { signal })
    const opened = {
      stream,
      bytes: byteStream(stream),
      path: this.#link.path ?? ({ kind: 'relay', transport: 'quic', remote: '?' } as const)
    }
    this.#stream = opened
    return opened
  }
}
