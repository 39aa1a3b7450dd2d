import type { FlowPath, RemoteKey } from './flow.ts'
import type { Path, SocketId } from './path.ts'

const NONE: readonly never[] = []
/**
 * Flows that may have one remote address: as many links as there may be with one peer (libp2p/links/sessions.ts), and the plain ones of our client
 * and our server, which have their place anyway.
 */
const MAX_VALIDATED = 8 + 2
/**
 * Links that have only heard a check from there. Its source may be forged: who has links with us could write anybody's address into
 * them. So these take no place from the others.
 */
const MAX_UNVALIDATED = 8

/** Which flows a packet may be for, by the path that it came by. */
export class PathTable<Handle> {
  readonly #peers = new Map<SocketId, Map<RemoteKey, FlowPath<Handle>[]>>()
  readonly #pipes = new Map<number, FlowPath<Handle>>()

  /** In the order in which they came. */
  at(socket: SocketId, key: RemoteKey): readonly FlowPath<Handle>[] {
    return this.#peers.get(socket)?.get(key) ?? NONE
  }

  /** A pipe carries one flow. */
  byPipe(pipe: number): FlowPath<Handle> | undefined {
    return this.#pipes.get(pipe)
  }

  /** Whether one more flow may have that path, or have it as a validated one. */
  hasRoom(path: Path, key: RemoteKey | undefined, validated: boolean): boolean {
    if (path.kind === 'pipe') return !this.#pipes.has(path.pipe)
    if (key == null) return false
    const alike = this.at(path.socket, key).filter(entry => entry.validated === validated)
    return alike.length < (validated ? MAX_VALIDATED : MAX_UNVALIDATED)
  }

  file(entry: FlowPath<Handle>): void {
    const { path, key } = entry
    if (path.kind === 'pipe') this.#pipes.set(path.pipe, entry)
    else if (key != null) {
      const peers = this.#peers.get(path.socket) ?? new Map<RemoteKey, FlowPath<Handle>[]>()
      this.#peers.set(path.socket, peers)
      const entries = peers.get(key)
      if (entries == null) peers.set(key, [entry])
      else entries.push(entry)
    }
  }

  unfile(entry: FlowPath<Handle>): void {
    const { path, key } = entry
    if (path.kind === 'pipe') {
      this.#pipes.delete(path.pipe)
      return
    }
    const peers = this.#peers.get(path.socket)
    const entries = key == null ? undefined : peers?.get(key)
    if (peers == null || entries == null) return
    entries.splice(entries.indexOf(entry), 1)
    if (entries.length === 0) peers.delete(key!)
    if (peers.size === 0) this.#peers.delete(path.socket)
  }
}
