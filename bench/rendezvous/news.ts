import type { Sealed, Signer } from './records.ts'
import type { Site } from './site.ts'

/** Who waits for how many more to be told of a peer, by its multihash. */
interface Waiting {
  left: number
  readonly heard: () => void
}

const waitingAt = new WeakMap<Site, Map<string, Waiting>>()

/** The site's clients by TCP watch these, one each in turn; the first one all of them do. */
export async function watchInTurn(site: Site, [first, ...others]: readonly Signer[]): Promise<void> {
  const waiting = new Map<string, Waiting>()
  waitingAt.set(site, waiting)
  for (const { rendezvous } of site.clients.tcp) {
    rendezvous.onNews = peer => {
      const one = waiting.get(keyOf(peer))
      if (one != null && --one.left === 0) one.heard()
    }
    if (first != null) await rendezvous.watch(first)
  }
  const { length } = site.clients.tcp
  await Promise.all(
    site.clients.tcp.map(async ({ rendezvous }, turn) => {
      for (let i = turn; i < others.length; i += length) await rendezvous.watch(others[i]!)
    })
  )
}

/** Registers a record of a peer that so many watch, and waits until they have been told. */
export async function changeHeard(site: Site, record: Sealed, i: number, watchers: number): Promise<void> {
  const waiting = waitingAt.get(site)!
  const key = keyOf(record.signer.multihash)
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.set(key, { left: watchers, heard: resolve })
  await site.http[i % site.http.length]!.put(record)
  await promise
  waiting.delete(key)
}

function keyOf(multihash: Uint8Array): string {
  return Buffer.from(multihash).toString('latin1')
}
