/**
 * One of two programs in a lab: takes bytes and tells how many came when; or connects to a peer, and sends as many as the stream takes from the
 * first line on its standard input on.
 */
import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'
import { createNode, type Link } from '../../src/index.ts'

export interface FloodArguments {
  readonly hubs: readonly string[]
  /** Whom to send to; without one it receives. */
  readonly to?: string
}

/** Times are milliseconds since 1970. */
export type FloodEvent =
  | { readonly event: 'ready'; readonly id: string }
  | { readonly event: 'path'; readonly kind: 'direct' | 'relay'; readonly atMs: number }
  /** So many bytes came in the 50 ms before. */
  | { readonly event: 'bytes'; readonly bytes: number; readonly atMs: number }

const PROTOCOL = '/bench/flood/1.0.0'
const BUCKET_MS = 50
const WRITE_BYTES = 64 * 1024

const { hubs, to } = JSON.parse(process.argv[2]!) as FloodArguments
const node = await createNode({ hubs })
if (to === undefined) await node.handle(PROTOCOL, receive)
tell({ event: 'ready', id: node.id })
if (to !== undefined) await send(await node.connect(to))

function receive(stream: Stream): void {
  let bytes = 0
  stream.addEventListener('message', ({ data }) => {
    bytes += data.byteLength
  })
  const timer = setInterval(() => {
    if (bytes > 0) tell({ event: 'bytes', bytes, atMs: nowMs() })
    bytes = 0
  }, BUCKET_MS)
  stream.addEventListener('close', () => clearInterval(timer))
}

async function send(link: Link): Promise<void> {
  const say = () => link.path && tell({ event: 'path', kind: link.path.kind, atMs: nowMs() })
  link.events.on('path', say)
  const stream = await link.openStream(PROTOCOL)
  say()
  await once(process.stdin, 'data')
  const chunk = new Uint8Array(WRITE_BYTES)
  for (;;) {
    // js-libp2p's `onDrain()` stays resolved for good after the first time
    if (!stream.send(chunk)) await once(stream, 'drain')
  }
}

function tell(event: FloodEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
