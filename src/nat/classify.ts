import type { Endpoint } from '../core/machine.ts'
import { type Allocated, classifyAllocation } from './allocation.ts'
import { classifyFiltering, type FilteringEvidence } from './filtering.ts'
import { type Binding, classifyMapping } from './mapping.ts'
import { endpointText, type TransportReport, type Unknown, type UnknownReason } from './report.ts'

/** What the tests of one transport in one family saw. */
export interface Samples {
  /** Addresses of our own interfaces. */
  readonly own: readonly string[]
  /** The one that packets to the internet leave from, as far as that is known. */
  readonly local: string | null
  readonly localPort: number
  /** Of one socket, in the order in which the servers were asked; the first one is what others are told. */
  readonly bindings: readonly Binding[]
  /** Of sockets that had spoken to nobody, in the order in which they asked, each one server once. */
  readonly fresh: readonly { readonly localPort: number; readonly public: Endpoint }[]
  /** Null: TCP, where no server can be made to call back. */
  readonly filtering: FilteringEvidence | null
  /** Whether what one socket sent to the public endpoint of another arrived; a reason where that was not tried. */
  readonly hairpin: boolean | UnknownReason
  /** Null: not asked for. */
  readonly lifetime: Measured
  readonly pathMtu: Measured
  /** Whether the time was up before all was asked. */
  readonly cut: boolean
}

/** What was measured, or why not. */
export type Measured = number | UnknownReason

/** What all that was seen means: a pure table, put together of those of mapping, filtering and allocation. */
export function classify(samples: Samples): TransportReport {
  const { bindings, fresh, own, local, localPort, cut } = samples
  const first = bindings[0]?.public ?? fresh[0]?.public
  if (first == null) return nothingHeard(local, cut)
  const translated = !isOurs(first, own, bindings.length > 0 ? localPort : fresh[0]!.localPort)
  const mapping = translated ? classifyMapping(bindings) : UNTRANSLATED
  const filtering = samples.filtering == null ? NOT_TOLD : classifyFiltering(samples.filtering)
  const { allocation, step, parity } = classifyAllocation(made(samples, mapping.mapping))
  const hairpin = translated ? samples.hairpin : 'not-translated'
  const unknowns: Unknown[] = []
  const reason = (why: UnknownReason): UnknownReason => (cut && IN_TIME.has(why) ? 'no-time' : why)
  const missing = (what: Unknown['what'], why: UnknownReason | null) => {
    if (why != null) unknowns.push({ what, why: reason(why) })
  }
  missing('mapping', mapping.why)
  missing('filtering', filtering.why)
  missing('portAllocation', allocation == null ? 'few-answers' : null)
  missing('hairpin', typeof hairpin === 'string' ? hairpin : null)
  missing('mappingLifetimeSeconds', typeof samples.lifetime === 'string' ? samples.lifetime : null)
  missing('pathMtu', typeof samples.pathMtu === 'string' ? samples.pathMtu : null)
  return {
    ok: true,
    public: endpointText(first),
    local: local ?? (translated ? null : first.address),
    translated,
    mapping: mapping.mapping,
    mappingPossible: mapping.possible,
    filtering: filtering.filtering,
    filteringPossible: filtering.possible,
    portAllocation: allocation,
    portStep: step,
    portParity: parity,
    hairpin: typeof hairpin === 'boolean' ? hairpin : null,
    mappingLifetimeSeconds: typeof samples.lifetime === 'number' ? samples.lifetime : null,
    publicAddresses: [...new Set([...bindings, ...fresh].map(seen => seen.public.address))],
    pathMtu: typeof samples.pathMtu === 'number' ? samples.pathMtu : null,
    unknowns
  }
}

/** Ways out that one socket has; those that only others have are a NAT's pool of addresses. */
export function uplinksOf({ bindings, own, localPort }: Samples): number {
  const first = bindings[0]?.public
  if (first == null || isOurs(first, own, localPort)) return 1
  return classifyMapping(bindings).uplinks
}

/** Who is not translated has one public endpoint for all, its own. */
const UNTRANSLATED: ReturnType<typeof classifyMapping> = {
  mapping: 'endpoint-independent',
  possible: ['endpoint-independent'],
  why: null,
  uplinks: 1
}

const NOT_TOLD: ReturnType<typeof classifyFiltering> = { filtering: null, possible: [], why: 'no-means' }

/** What more time might have told. */
const IN_TIME: ReadonlySet<UnknownReason> = new Set([
  'one-address',
  'one-port',
  'no-server',
  'no-change-request',
  'few-answers'
])

/** The report of a transport that nothing was heard of. */
export function nothingHeard(local: string | null, cut = false): TransportReport {
  const why = cut ? 'no-time' : 'no-server'
  return {
    ok: false,
    public: null,
    local,
    translated: null,
    mapping: null,
    mappingPossible: [],
    filtering: null,
    filteringPossible: [],
    portAllocation: null,
    portStep: null,
    portParity: null,
    hairpin: null,
    mappingLifetimeSeconds: null,
    publicAddresses: [],
    pathMtu: null,
    unknowns: (['translated', 'mapping', 'filtering', 'portAllocation', 'hairpin'] as const).map(what => ({
      what,
      why
    }))
  }
}

function isOurs(seen: Endpoint, own: readonly string[], localPort: number): boolean {
  return own.includes(seen.address) && seen.port === localPort
}

/** Mappings that the NAT made while we watched: those of fresh sockets, and before them those of the one that asked several servers. */
function made({ bindings, fresh, localPort }: Samples, mapping: TransportReport['mapping']): Allocated[] {
  const allocated = ({ address, port }: Endpoint, from: number): Allocated => ({
    localPort: from,
    publicPort: port,
    publicAddress: address
  })
  const seen = new Set(bindings.slice(0, 1).map(binding => endpointText(binding.public)))
  // the first mapping of that socket may be old; each one that is new has a public endpoint of its own
  const further = bindings.slice(1).flatMap(binding => {
    const text = endpointText(binding.public)
    if (mapping === 'endpoint-independent' || seen.has(text)) return []
    seen.add(text)
    return [allocated(binding.public, localPort)]
  })
  return [...further, ...fresh.map(each => allocated(each.public, each.localPort))]
}
