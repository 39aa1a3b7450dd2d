import { type LongHeader, longHeader, OWN_ID_BYTES, shortHeaderId } from './demux.ts'
import type { FlowPath } from './flow.ts'

export type Drop = 'unknown' | 'no-listener'

/** Who gets a packet that came in: flows that exist, a server flow to be made, or nobody, and why. */
export type Route<Handle> =
  | { readonly to: readonly FlowPath<Handle>[] }
  | { readonly open: 'server' }
  | { readonly drop: Drop }

/**
 * Decides who gets a packet. A node is QUIC client and server on one port, and has links by it, too: which of them a packet is for
 * can only be told by its destination id. One that opens a connection must reach one server only.
 *
 * @param entries the flows that have the address that it came from
 */
export function route<Handle>(
  entries: readonly FlowPath<Handle>[],
  bytes: Uint8Array,
  listening: boolean
): Route<Handle> {
  const long = longHeader(bytes)
  if (bytes.length === 0 || (long == null && entries.length === 0)) return { drop: 'unknown' }
  if (long == null) {
    const known = addressed(entries, bytes)
    // An id issued later, in an encrypted frame, which only the engine can tell. Here all must see the packet: the
    // engine's ids are keyed hashes, and an endpoint drops one that is not its own without a word.
    return { to: known == null ? entries : [known] }
  }
  const servers = entries.filter(({ flow }) => flow.role === 'server')
  const known = entries.find(({ flow }) => flow.ids.has(long.destinationId))
  const opened = long.opensConnection ? servers.find(entry => takes(entry, long)) : undefined
  const to = known ?? opened ?? (long.opensConnection ? undefined : (servers[0] ?? entries[0]))
  if (to != null) return { to: [to] }
  if (!long.opensConnection) return { drop: 'unknown' }
  return listening ? { open: 'server' } : { drop: 'no-listener' }
}

/**
 * Whether a server's flow takes what opens a connection. A link's is there for one only; and where nobody has answered for the address, another one may be
 * meant for the server that listens.
 */
function takes<Handle>({ flow, validated }: FlowPath<Handle>, { destinationId }: LongHeader): boolean {
  return !flow.keep || flow.openedWith === destinationId || (validated && !flow.accepted)
}

/** The one that a packet with a short header is for, when it is to an id that was seen in a long one. */
export function addressed<Handle>(
  entries: readonly FlowPath<Handle>[],
  bytes: Uint8Array
): FlowPath<Handle> | undefined {
  if (entries.length < 2) return entries[0]
  const id = shortHeaderId(bytes, OWN_ID_BYTES)
  return id == null ? undefined : entries.find(({ flow }) => flow.ids.has(id))
}
