import { type Clock, realClock } from '../../core/clock.ts'
import { type RendezvousComponents, type RendezvousInit, RendezvousService } from './service.ts'

export interface RendezvousOptions extends Pick<RendezvousInit, 'records' | 'access'> {
  /** @default the machine's */
  readonly clock?: Clock
}

/** Peers leave records at this hub, look for others, watch and call them, each by a stream of its connection: a service of js-libp2p. */
export function rendezvousService({
  clock = realClock,
  ...init
}: RendezvousOptions): (components: RendezvousComponents) => RendezvousService {
  return components => new RendezvousService(components, { ...init, clock })
}

export { RENDEZVOUS_LIMITS } from './limits.ts'
