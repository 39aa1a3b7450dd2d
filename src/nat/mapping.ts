import { DEPENDENCES, type MappingBehaviour } from '../core/behaviour.ts'
import type { Endpoint } from '../core/machine.ts'
import type { UnknownReason } from './report.ts'

/** What one server saw of one socket. */
export interface Binding {
  readonly server: Endpoint
  readonly public: Endpoint
}

export interface MappingVerdict {
  readonly mapping: MappingBehaviour | null
  readonly possible: readonly MappingBehaviour[]
  readonly why: UnknownReason | null
  /** Ways out, each with a public address of its own. */
  readonly uplinks: number
}

/**
 * Which mapping explains what servers saw of *one* socket (RFC 4787 section 4.1, RFC 5780 section 4.3). Needs two server addresses to
 * exclude dependence on the address, and two ports of one address to tell the two kinds of dependence apart.
 *
 * Two servers that see different public *addresses* say nothing yet: the router may have several uplinks, each with a NAT of its own.
 * With the same port on both it is taken for that; with different ports only servers that see one public address are compared.
 */
export function classifyMapping(bindings: readonly Binding[]): MappingVerdict {
  if (bindings.length === 0) return { mapping: null, possible: [], why: 'no-server', uplinks: 1 }
  const pairs = bindings.flatMap((one, index) =>
    bindings.slice(index + 1).map(other => ({ kind: kindOf(one, other), result: compare(one, other) }))
  )
  const saw = (kind: Kind, result: Result) => pairs.some(pair => pair.kind === kind && pair.result === result)
  const uplinks = addressesOf(bindings)
  // a NAT that maps anew for each destination may take another of its addresses each time: that is no second way out
  const known = (mapping: MappingBehaviour, ways = 1): MappingVerdict => ({
    mapping,
    possible: [mapping],
    why: null,
    uplinks: ways
  })
  const unknown = (why: UnknownReason, ...possible: MappingBehaviour[]): MappingVerdict => ({
    mapping: null,
    possible,
    why,
    uplinks
  })

  // one destination, two answers: the NAT has forgotten or restarted meanwhile, or takes another way out each time
  if (saw('server', 'different') || saw('server', 'incomparable')) return unknown('unstable', ...DEPENDENCES)
  const agreeing = majority(bindings)
  if (agreeing != null) return known('endpoint-independent', addressesOf(agreeing))
  if (saw('port', 'different')) return known('address-and-port-dependent')
  if (saw('address', 'different')) {
    return saw('port', 'same')
      ? known('address-dependent')
      : unknown('one-port', 'address-dependent', 'address-and-port-dependent')
  }
  if (uplinks > 1) return unknown('several-uplinks', ...DEPENDENCES)
  return saw('port', 'same')
    ? unknown('one-address', 'endpoint-independent', 'address-dependent')
    : unknown('one-address', ...DEPENDENCES)
}

/**
 * What most server addresses, and at least two, saw alike. Neither of the dependent kinds gives two addresses one public port, but where
 * it preserves the private one, and then it is independent to all who meet it. So another server that saw another port lies, or
 * somebody on its way changes ports. Undefined when one of those that agree saw another port, too.
 */
function majority(bindings: readonly Binding[]): readonly Binding[] | undefined {
  const all = new Set(bindings.map(({ server }) => server.address))
  for (const group of Map.groupBy(bindings, binding => binding.public.port).values()) {
    const agreeing = new Set(group.map(({ server }) => server.address))
    const others = bindings.filter(binding => !group.includes(binding))
    if (agreeing.size < 2 || agreeing.size * 2 <= all.size) continue
    return others.some(({ server }) => agreeing.has(server.address)) ? undefined : group
  }
  return undefined
}

function addressesOf(bindings: readonly Binding[]): number {
  return new Set(bindings.map(binding => binding.public.address)).size
}

/** In what two destinations differ. */
type Kind = 'server' | 'port' | 'address'

function kindOf(one: Binding, other: Binding): Kind {
  if (one.server.address !== other.server.address) return 'address'
  return one.server.port === other.server.port ? 'server' : 'port'
}

type Result = 'same' | 'different' | 'incomparable'

function compare(one: Binding, other: Binding): Result {
  if (one.public.port === other.public.port) return 'same'
  return one.public.address === other.public.address ? 'different' : 'incomparable'
}
