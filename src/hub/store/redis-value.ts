import type { Kept } from './standing.ts'
import type { StoredRecord } from './store.ts'

/*
 * A record in Redis is a line of text and the envelope: `1 SEQ LEFT FREE EXPIRES FORGET HUB,HUB\n…`. One string takes a third of what a hash of these fields does, scripts read it
 * by one pattern, and people can. News are told by the same bytes; of a record that is gone only `0 SEQ`. Anything else in its place is garbage, and counts as nothing.
 */
const KEPT = /^1 (\d{1,16}) ([01]) ([01]) (\d{1,16}) (\d{1,16}) ([^\n ]*)$/
const GONE = /^0 (\d{1,16})$/
/** A line with more hubs than any peer is registered at. */
const MAX_LINE_BYTES = 16 * 1024

/** How a hub is named in such a line. */
export function hubName(hub: string): string {
  return encodeURIComponent(hub)
}

export function readKept(peer: string, value: unknown): Kept | undefined {
  if (!(value instanceof Uint8Array)) return undefined
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\n')
  if (end < 0) return undefined
  const [line, seq, left, free, expires, forget, holders = ''] = KEPT.exec(bytes.toString('latin1', 0, end)) ?? []
  if (line == null || !Number.isSafeInteger(Number(seq))) return undefined
  return {
    record: {
      peer,
      seq: Number(seq),
      envelope: new Uint8Array(bytes.subarray(end + 1)),
      left: left === '1',
      expiresMs: Number(expires),
      forgetMs: Number(forget)
    },
    free: free === '1',
    holders: holders === '' ? [] : holders.split(',')
  }
}

/** What a peer's channel says: a record, or with which number it has gone. */
export type Told = { readonly seq: number; readonly record?: StoredRecord }

export function readNews(peer: string, message: unknown): Told | undefined {
  const kept = readKept(peer, message)
  if (kept != null) return { seq: kept.record.seq, record: kept.record }
  if (!(message instanceof Uint8Array) || message.length > 32) return undefined
  const [, seq] = GONE.exec(Buffer.from(message).toString('latin1')) ?? []
  return seq == null ? undefined : { seq: Number(seq) }
}
