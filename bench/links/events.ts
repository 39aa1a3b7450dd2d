import type { LinkPath } from '../../src/node/path.ts'

/** What a peer prints, a JSON line each. Times are milliseconds since 1970, so that those of two programs on one machine compare. */
export type PeerEvent =
  | { readonly event: 'ready'; readonly id: string }
  /** A stream has been opened, or accepted; `number` counts them from 1. */
  | { readonly event: 'stream'; readonly atMs: number; readonly number: number }
  /** The stream's packets go by another path. */
  | ({ readonly event: 'path'; readonly atMs: number; readonly reason?: string } & LinkPath)
  /** How many blocks of this stream have come, now and then while they come. */
  | { readonly event: 'blocks'; readonly atMs: number; readonly count: number }
  /** Nothing came between two blocks for so long. */
  | { readonly event: 'gap'; readonly fromMs: number; readonly ms: number; readonly block: number }
  | { readonly event: 'wrong'; readonly atMs: number; readonly what: string }
  /** The sender's stream ended before its time; `unacknowledged`: blocks that the receiver may have or not. */
  | { readonly event: 'broke'; readonly atMs: number; readonly error: string; readonly unacknowledged: number }
  /** The sender could not connect. It tries again. */
  | { readonly event: 'failed'; readonly atMs: number; readonly error: string }
  /** All blocks have been sent and acknowledged. */
  | { readonly event: 'done'; readonly atMs: number; readonly blocks: number }

export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

export function tell(event: PeerEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** An error in one line, with what lies underneath. */
export function why(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(why))].join('; ')
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause == null ? '' : ` (${why(error.cause)})`
  return `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}${cause}`
}
