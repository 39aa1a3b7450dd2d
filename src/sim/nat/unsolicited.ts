import type { NatBehaviour } from './behaviour.ts'
import type { SimPacket } from './packet.ts'
import type { DropReason } from './verdict.ts'

/** Of a reset that we make ourselves. */
const RESET_TTL = 64

/** What a packet gets that nobody asked for: silence, or a reset for TCP. A reset is never answered by one (RFC 9293 section 3.10.7.1). */
export function unsolicited(
  behaviour: Pick<NatBehaviour, 'unsolicited'>,
  { source, destination, tcp }: SimPacket,
  drop: DropReason = 'no-mapping'
): { readonly reply: SimPacket } | { readonly drop: DropReason } {
  if (!tcp || tcp.rst || behaviour.unsolicited === 'drop') return { drop }
  const flags = { syn: false, ack: true, fin: false, rst: true }
  return { reply: { protocol: 'tcp', source: destination, destination: source, ttl: RESET_TTL, tcp: flags } }
}
