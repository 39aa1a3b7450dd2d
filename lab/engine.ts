import { natBehaviour } from '../src/sim/nat/behaviour.ts'
import { natOptions } from '../src/sim/nat-options.ts'
import type { Engine, RouterSpec } from './spec.ts'

/** Words of the simulator's NAT that routers of a lab can have. */
export const SIM_WORDS = [
  'filtering',
  'allocation',
  'step',
  'parity',
  'ports',
  'hairpinSource',
  'lifetimes',
  'inboundRefresh',
  'icmpErrors',
  'nat66'
] as const satisfies readonly (keyof RouterSpec)[]

/** What the kernel does by itself, so that saying so does not need the other engine. */
const OF_THE_KERNEL = {
  filtering: ['address-and-port-dependent'],
  hairpinSource: ['external'],
  inboundRefresh: [true],
  icmpErrors: ['pass'],
  nat66: [false],
  parity: [false]
} as const satisfies { readonly [Word in (typeof SIM_WORDS)[number]]?: readonly RouterSpec[Word][] }

/** The kernel's engine unless the spec names the other, or asks for what only that one can do. */
export function engineOf(router: RouterSpec): Engine {
  return router.engine ?? (beyondKernel(router) === undefined ? 'kernel' : 'sim')
}

/** The first thing in a spec that nftables cannot do. */
export function beyondKernel(router: RouterSpec): string | undefined {
  const { mapping, hairpin, allocation } = router
  if (mapping === 'address-dependent') return `mapping '${mapping}'`
  if (hairpin && mapping !== 'endpoint-independent') return `hairpin with mapping '${mapping}'`
  if (allocation !== undefined && allocation !== natOptions({ mapping }).allocation) return `allocation '${allocation}'`
  const word = SIM_WORDS.filter(word => word !== 'allocation').find(word => {
    const own: readonly unknown[] = word in OF_THE_KERNEL ? OF_THE_KERNEL[word as keyof typeof OF_THE_KERNEL] : []
    return router[word] !== undefined && !own.includes(router[word])
  })
  return word && `${word} ${JSON.stringify(router[word])}`
}

/** @throws what `wrong` makes of the reason */
export function checkEngine(router: RouterSpec, wrong: (what: string) => Error): void {
  const { engine, mapping, hairpin, unsolicited, nat64 } = router
  if (!['kernel', 'sim'].includes(engineOf(router))) throw wrong(`engine is kernel, sim; not '${engine}'`)
  if (hairpin && mapping === 'none')
    throw wrong('hairpin needs a mapping: without NAT neighbours have their own addresses')
  const beyond = beyondKernel(router)
  if (engine === 'kernel' && beyond !== undefined) throw wrong(`${beyond} needs engine 'sim'`)
  if (nat64 && mapping === 'none') throw wrong('nat64 needs a mapping')
  if (engineOf(router) === 'kernel') return
  if (nat64) throw wrong(`nat64 needs engine 'kernel', and ${beyond ?? 'engine'} 'sim'`)
  if (unsolicited === 'accept')
    throw wrong(`unsolicited 'accept' needs engine 'kernel', and ${beyond ?? 'engine'} 'sim'`)
  try {
    natBehaviour(natOptions(router))
  } catch (error) {
    throw wrong((error as Error).message)
  }
}
