import { identify as stock } from '@libp2p/identify'
import type { Connection } from '@libp2p/interface'
import { realClock } from '../core/clock.ts'
import { LINK_PROTOCOL } from '../wire/link.ts'

/** By then the application's first bytes have gone and come. */
const LATER_MS = 1_000

/**
 * Identify, as js-libp2p has it, but for links: a signed record is made, sent and checked on both sides in the same moment in which the application
 * waits for its first bytes, and nothing that a link does depends on it.
 */
export function identify(): ReturnType<typeof stock> {
  return components => {
    const service = stock({ runOnConnectionOpen: false })(components)
    const ask = (connection: Connection) => {
      if (connection.status === 'open') service.identify(connection).catch(() => {})
    }
    components.events.addEventListener('connection:open', ({ detail: connection }) => {
      if (connection.multiplexer === LINK_PROTOCOL) realClock.after(LATER_MS, () => ask(connection))
      else ask(connection)
    })
    return service
  }
}
