import { natOptions } from '../../src/sim/nat-options.ts'
import { LineProcess } from '../line-process.ts'
import type { PlannedNode } from '../plan.ts'
import { sibling } from '../sibling.ts'
import type { RouterSpec } from '../spec.ts'
import type { TunCommand, TunRouter } from './main.ts'
import { NAT_INSIDE, NAT_OUTSIDE } from './script.ts'

/** The process of a router with the simulator's engine, as the lab holds it. */
export class TunProcess {
  readonly #process: LineProcess

  private constructor(process: LineProcess) {
    this.#process = process
  }

  static async start(keeper: number, router: PlannedNode, seed: number): Promise<TunProcess> {
    const argument = tunRouter(router, seed)
    const program = sibling(import.meta.url, 'main')
    return new TunProcess(
      await LineProcess.start(keeper, router.name, program, argument, `the NAT of '${router.name}'`)
    )
  }

  /** Resolves when it has forgotten everything. */
  flush(): Promise<void> {
    return this.#tell({ do: 'flush' })
  }

  setBlockUdp(block: boolean): Promise<void> {
    return this.#tell({ do: 'blockUdp', block })
  }

  #tell(command: TunCommand): Promise<void> {
    return this.#process.tell(command)
  }
}

/** IPv6 is filtered as IPv4 is, and translated only when the spec says so. */
export function tunRouter(router: PlannedNode, seed: number): TunRouter {
  const spec = router.spec as RouterSpec
  const options = natOptions(spec)
  const ip6Options = spec.nat66 ? options : { ...options, mapping: 'none' as const }
  return {
    inside: NAT_INSIDE,
    outside: NAT_OUTSIDE,
    ip4: { options, publicAddresses: spec.mapping === 'none' ? [] : router.ips },
    ...(router.ip6 && { ip6: { options: ip6Options, publicAddresses: spec.nat66 ? [router.ip6] : [] } }),
    seed
  }
}
