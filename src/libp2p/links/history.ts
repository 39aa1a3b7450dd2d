import type { Attempt, TechniqueName } from '../../traversal/attempt.ts'
import type { KnownPath, PathReason } from '../../traversal/paths/api.ts'
import type { LinkPath } from '../path.ts'
import type { Pipe } from './pipe.ts'

/** A link's packets went by another path from then on. */
export interface PathChange extends LinkPath {
  /** Milliseconds since the link began. */
  readonly atMs: number
  readonly reason: PathReason
  /** How the path was found. */
  readonly technique: TechniqueName
  /** The round trip on it, when it was measured. Milliseconds. */
  readonly rttMs: number | null
}

/** A link may live for months. */
const MAX_CHANGES = 256
const MAX_ATTEMPTS = 64

/** What has become of a link so far: its paths, and what was tried to find them. */
export class History {
  /** The latest, oldest first. */
  readonly changes: PathChange[] = []
  /** The latest, oldest first. */
  readonly attempts: Attempt[] = []

  changed(
    { path, kind, technique, rttMs }: KnownPath,
    reason: PathReason,
    carrier: Pipe | undefined,
    atMs: number
  ): PathChange {
    const remote = path.kind === 'udp' ? endpointText(path.remote) : (carrier?.remote ?? '?')
    const transport = carrier?.transport ?? 'quic'
    const change = { kind, transport, remote, reason, technique, rttMs: rttMs ?? null, atMs: Math.round(atMs) }
    this.changes.push(change)
    if (this.changes.length > MAX_CHANGES) this.changes.shift()
    return change
  }

  attempted(attempt: Attempt): void {
    this.attempts.push(attempt)
    if (this.attempts.length > MAX_ATTEMPTS) this.attempts.shift()
  }
}

function endpointText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
