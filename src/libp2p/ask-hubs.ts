import type { Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Random } from '../core/random.ts'
import { ask } from '../nat/ask.ts'
import { endpointOf } from './candidate.ts'
import { lastPeer } from './circuit/address.ts'
import type { ObservedAddresses } from './observed.ts'
import { isQuicAddress, quicMultiaddr } from './quic/address.ts'
import { sharedSockets } from './quic/shared.ts'

/** A hub that is there answers within a round trip; one of another kind never does, and then identify tells, later. */
const SCHEDULE = { rtoMs: 150, sends: 4, lastWaits: 3 } as const

export interface AskHubs {
  readonly transports: readonly Transport[]
  readonly hubs: readonly Multiaddr[]
  readonly observed: ObservedAddresses
  readonly clock: Clock
  readonly random: Random
}

/** What a hub said: the address and port of ours that it sees, or nothing. */
export interface HubAnswer {
  readonly hub: Multiaddr
  readonly seen: Endpoint | undefined
}

/**
 * Asks the hubs by STUN, at the port that they have for QUIC, where they see ours: that is known a round trip from now, before there is a
 * connection to them, so that the first offer to a peer has it already.
 *
 * @param onAnswer called with each as soon as it is there
 * @returns an entry for each hub that could be asked: by a literal address, over UDP
 */
export async function askHubs(
  { transports, hubs, observed, clock, random }: AskHubs,
  signal: AbortSignal,
  onAnswer: (answer: HubAnswer) => void = () => {}
): Promise<readonly HubAnswer[]> {
  // else a transport that has stopped would open its sockets again
  signal.throwIfAborted()
  const { udp4, udp6 } = await sharedSockets(transports)
  const answers = await Promise.all(
    hubs.map(async (hub): Promise<HubAnswer | undefined> => {
      const to = endpointOf(hub)
      const socket = to?.address.includes(':') ? udp6 : udp4
      if (to == null || socket == null || !isQuicAddress(hub)) return undefined
      const asked = await ask({ clock, random }, socket, { to, schedule: SCHEDULE }, signal)
      if (asked.type !== 'answered') return { hub, seen: undefined }
      const observer = String(lastPeer(hub))
      observed.note({ address: quicMultiaddr(asked.public), observer, observerHost: to.address, origin: 'asked' })
      const answer = { hub, seen: asked.public }
      onAnswer(answer)
      return answer
    })
  )
  return answers.flatMap(answer => answer ?? [])
}
