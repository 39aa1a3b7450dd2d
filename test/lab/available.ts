import { capability } from '../../lab/lab.ts'

const can = await capability({ host: { link: {} } })

/** For `test(name, { skip: NO_LAB }, …)`: the reason why no lab can be made here, or false. */
export const NO_LAB = can.ok ? false : `no lab: ${can.reason} (${can.fix})`

const canTun = await capability({ router: { mapping: 'none', engine: 'sim' } })

/** The same for a lab with a router of the simulator's engine. */
export const NO_SIM_ROUTER = canTun.ok ? false : `no such router: ${canTun.reason} (${canTun.fix})`

const canNat64 = await capability({ router: { mapping: 'endpoint-independent', nat64: true } })

/** The same for a lab with a NAT64. */
export const NO_NAT64 = canNat64.ok ? false : `no NAT64: ${canNat64.reason} (${canNat64.fix})`
