import { setTimeout as sleep } from 'node:timers/promises'
import type { PutOutcome, RecordStore, StoredRecord, StoreNews } from '../../../src/hub/store/store.ts'

export const HOUR = 3_600_000
export const NOW = Date.now()
/** Hubs. */
export const [X, Y] = ['12D3KooWHubX', '12D3KooWHubY'] as const
const EVENT_MS = 5_000

export function peerId(name: string | number): string {
  return `12D3KooWPeer${name}`
}

export function stored(peer: string, seq: number, more: Partial<StoredRecord> = {}): StoredRecord {
  const expiresMs = NOW + HOUR
  const envelope = Buffer.from(`${peer}\n${seq}\0\r\n\xff`, 'latin1')
  return {
    peer,
    seq,
    envelope: new Uint8Array(envelope),
    left: false,
    expiresMs,
    forgetMs: expiresMs + 48 * HOUR,
    ...more
  }
}

export type Step =
  | { readonly put: number; readonly by?: string; readonly left?: true; readonly other?: true }
  | { readonly release: string }

export async function take(store: RecordStore, peer: string, step: Step): Promise<PutOutcome | undefined> {
  if ('put' in step) return store.put(recordOf(peer, step), step.by, NOW)
  await store.release(peer, step.release, NOW)
  return undefined
}

export function recordOf(peer: string, step: Extract<Step, { put: number }>): StoredRecord {
  const record = stored(peer, step.put, { left: step.left === true })
  return step.other === true ? { ...record, envelope: Uint8Array.of(...record.envelope, 1) } : record
}

/** Whatever kind of bytes it came as. */
export function plain(record: StoredRecord | undefined): unknown {
  return record == null ? record : { ...record, envelope: [...record.envelope] }
}

export function listen(store: RecordStore): readonly StoreNews[] {
  const news: StoreNews[] = []
  store.onNews(each => news.push(each))
  return news
}

export async function collect(peers: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const peer of peers) all.push(peer)
  return all
}

/** Waits for a state. */
export async function until(isSo: () => boolean, ms = EVENT_MS): Promise<void> {
  for (const deadline = performance.now() + ms; !isSo(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${isSo}`)
  }
}
