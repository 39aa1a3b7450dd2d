import { realClock } from '../../core/clock.ts'
import { secureRandom } from '../../core/random.ts'
import type { Dcutr, DcutrOptions } from './api.ts'
import type { DcutrComponents } from './context.ts'
import { DcutrService } from './service.ts'

export type { Dcutr, DcutrEvents, DcutrOptions } from './api.ts'
export type { Upgrade } from './session.ts'

const DEFAULTS: DcutrOptions = {
  closeRelay: 'when-idle',
  allowPrivate: false,
  clock: realClock,
  random: secureRandom
}

/**
 * The service, for `createLibp2p({ services: { dcutr: dcutr() } })`; it needs identify beside it, and a transport that
 * punches. Every relayed connection is upgraded as soon as it opens, and kept when that fails.
 */
export function dcutr(init: Partial<DcutrOptions> = {}): (components: DcutrComponents) => Dcutr {
  return components => new DcutrService(components, { ...DEFAULTS, ...init })
}
