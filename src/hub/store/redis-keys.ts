/** All that Beeline keeps in Redis begins with it. */
const PREFIX = 'beeline'

/**
 * How many slots of a cluster are used. The keys of a bucket have one hash tag, so that one script changes a record, its place in the index and who holds it in one step;
 * hundreds of buckets spread evenly over any cluster that a fleet of hubs needs, and asking each of them for its count is a few milliseconds.
 */
export const BUCKETS = 1_024

/** FNV-1a over the characters: ids of peers are random, but those who choose them are not to be trusted with an even spread; nothing depends on it but the load. */
export function bucketOf(peer: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < peer.length; at++) {
    hash ^= peer.charCodeAt(at)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % BUCKETS
}

export function recordKey(peer: string): string {
  return `${PREFIX}:{${bucketOf(peer)}}:record:${peer}`
}

/** Peers with a record, sorted by when it expires. */
export function indexKey(bucket: number): string {
  return `${PREFIX}:{${bucket}}:index`
}

/** What the names of hubs are appended to: the peers that each of them holds. */
export function heldKeys(bucket: number): string {
  return `${PREFIX}:{${bucket}}:held:`
}

/** Where news of a peer are told. */
export function newsChannel(peer: string): string {
  return `${PREFIX}:news:${peer}`
}

/** Where a hub is told whom its peers are called by. */
export function callChannel(hub: string): string {
  return `${PREFIX}:call:${hub}`
}

/** @returns whose news or calls a channel has */
export function readChannel(channel: string): { readonly kind: 'news' | 'call'; readonly of: string } | undefined {
  const [, kind, of] = /^beeline:(news|call):(.+)$/.exec(channel) ?? []
  return of == null ? undefined : { kind: kind as 'news' | 'call', of }
}
