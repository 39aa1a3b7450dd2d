import type { FlowPath, RemoteKey } from './flow.ts'
import type { Path, Role, SocketId } from './path.ts'

/** The flows that a remote address belongs to: a node is QUIC client and server on one port. */
export interface Peer<Handle> {
  client?: FlowPath<Handle>
  server?: FlowPath<Handle>
}

/** Which flow a packet may be for, by the path that it came by. */
export class PathTable<Handle> {
  readonly #peers = new Map<SocketId, Map<RemoteKey, Peer<Handle>>>()
  readonly #pipes = new Map<number, FlowPath<Handle>>()

  at(socket: SocketId, key: RemoteKey): Peer<Handle> | undefined {
    return this.#peers.get(socket)?.get(key)
  }

  /** A pipe carries one flow, whatever its role. */
  byPipe(pipe: number): FlowPath<Handle> | undefined {
    return this.#pipes.get(pipe)
  }

  /** Who stands where a flow of that role would be filed. */
  holder(path: Path, key: RemoteKey | undefined, role: Role): FlowPath<Handle> | undefined {
    if (path.kind === 'pipe') return this.#pipes.get(path.pipe)
    return key == null ? undefined : this.at(path.socket, key)?.[role]
  }

  /** Files it in the place of whoever stood there. */
  file(entry: FlowPath<Handle>): void {
    const { path, key, flow } = entry
    if (path.kind === 'pipe') this.#pipes.set(path.pipe, entry)
    else if (key != null) {
      const peers = this.#peers.get(path.socket) ?? new Map<RemoteKey, Peer<Handle>>()
      this.#peers.set(path.socket, peers)
      const peer = peers.get(key) ?? {}
      peers.set(key, peer)
      peer[flow.role] = entry
    }
  }

  unfile(entry: FlowPath<Handle>): void {
    const { path, key, flow } = entry
    if (this.holder(path, key, flow.role) !== entry) return
    if (path.kind === 'pipe') {
      this.#pipes.delete(path.pipe)
      return
    }
    const peers = this.#peers.get(path.socket)
    const peer = key == null ? undefined : peers?.get(key)
    if (peers == null || peer == null) return
    delete peer[flow.role]
    if (peer.client == null && peer.server == null) peers.delete(key!)
    if (peers.size === 0) this.#peers.delete(path.socket)
  }
}
