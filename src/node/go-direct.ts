import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import { secureRandom } from '../core/random.ts'
import type { Dcutr } from '../libp2p/dcutr/index.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import type { Technique } from '../traversal/technique.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import { ForeignTraversal } from './foreign-traversal.ts'
import type { Link } from './link.ts'

export interface Foreigners {
  readonly techniques: readonly Technique[]
  readonly allowed: ReadonlySet<TechniqueName> | undefined
  summary(): NetworkSummary | undefined
  readonly dcutr: Pick<Dcutr, 'upgrade'>
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>
}

/** Begins to look for a direct connection for a link to a peer of another kind, once. */
export function goDirect(link: Link, peer: PeerId, { dcutr, summary, ...known }: Foreigners): void {
  link.foreign(() => {
    const direct = new AbortController()
    const over = new AbortController()
    const off = link.events.on('path', ({ kind }) => {
      if (kind === 'direct') direct.abort()
    })
    const offClose = link.events.on('close', () => over.abort())
    const traversal = new ForeignTraversal({
      ...known,
      peer,
      mine: summary(),
      clock: realClock,
      random: secureRandom,
      upgrade: async signal => (await dcutr.upgrade(peer, { signal })).attempts,
      onAttempt: attempt => link.tried(attempt),
      direct: direct.signal,
      signal: over.signal
    })
    void traversal.ended.then(() => {
      off()
      offClose()
    })
    return traversal
  })
}
