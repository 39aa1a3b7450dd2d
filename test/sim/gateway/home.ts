import type { SimSpec } from '../../../src/sim/index.ts'
import type { PcpMap } from '../../../src/wire/pcp/map.ts'
import type { PcpRequest } from '../../../src/wire/pcp/message.ts'
import type { PcpOption } from '../../../src/wire/pcp/options.ts'

/** A home router, 192.168.1.1 inside and 11.1.0.10 outside, a host behind it, and one on the internet. */
export const home: SimSpec = {
  home: { mapping: 'address-and-port-dependent' },
  alice: { behind: 'home' },
  server: {}
}

export const NONCE = Uint8Array.from({ length: 12 }, (_, n) => n + 1)

interface Wish extends Partial<PcpMap> {
  readonly lifetimeSeconds?: number
  readonly options?: readonly PcpOption[]
}

/** Of a client that wants UDP port 4001, if nothing else is said. */
export function mapRequest(clientAddress: string, { lifetimeSeconds = 7200, options, ...map }: Wish): PcpRequest {
  return {
    opcode: 'MAP',
    lifetimeSeconds,
    clientAddress,
    map: { nonce: NONCE, protocol: 17, internalPort: 4001, externalPort: 0, externalAddress: '0.0.0.0', ...map },
    ...(options && { options })
  }
}
