import { isIP } from 'node:net'
import type { FilteringBehaviour, MappingBehaviour, PortAllocation } from '../../core/behaviour.ts'
import { DEPENDENCES, PORT_ALLOCATIONS } from '../../core/behaviour.ts'

/** How long what a NAT remembers lives without traffic. Milliseconds. */
export interface NatLifetimes {
  /** A UDP flow of which only one side has spoken (RFC 4787 REQ-5 asks for two minutes; Linux has 30 s). @default 30,000 */
  readonly udpMs: number
  /** Once both sides have. @default 120,000 */
  readonly udpStreamMs: number
  /** A TCP connection that is being opened or has been closed (RFC 5382 REQ-5). @default 240,000 */
  readonly tcpTransitoryMs: number
  /** @default 7,440,000: two hours and four minutes, the same REQ-5 */
  readonly tcpEstablishedMs: number
  /** An echo's identifier (RFC 5508 REQ-2). @default 60,000 */
  readonly icmpMs: number
}

/** What a NAT does, in all that peers notice. */
export interface NatBehaviour {
  /** `none`: a stateful firewall, which filters and translates nothing. */
  readonly mapping: MappingBehaviour | 'none'
  /** Who may send to what was mapped. A packet that is turned around (hairpin) comes from inside and is not filtered. @default 'address-and-port-dependent' */
  readonly filtering: FilteringBehaviour
  /** @default 'preserving' */
  readonly allocation: PortAllocation
  /** Of sequential allocation: from one port to the next; negative counts down. @default 1 */
  readonly step: number
  /** Whether even ports stay even and odd ones odd (RFC 4787 section 4.2.2). @default false */
  readonly parity: boolean
  /** Where ports are chosen from; one that is preserved may lie outside. @default 1024 to 65,535 */
  readonly ports: { readonly first: number; readonly last: number }
  /** With several public addresses: whether a host keeps to one of them (RFC 4787 REQ-2). @default 'paired' */
  readonly pooling: 'paired' | 'arbitrary'
  /** Whether what inside hosts send to each other's public endpoints arrives (RFC 4787 section 6). @default false */
  readonly hairpin: boolean
  /** As whom the receiver of such a packet sees its sender; REQ-9 asks for `external`. @default 'external' */
  readonly hairpinSource: 'external' | 'internal'
  readonly lifetimes: NatLifetimes
  /** Whether packets from outside keep a mapping alive, too (RFC 4787 REQ-6). @default true */
  readonly inboundRefresh: boolean
  /** What TCP from outside gets that nobody asked for: nothing, or a reset (which RFC 5382 REQ-4 forbids). @default 'drop' */
  readonly unsolicited: 'drop' | 'reset'
  /** @default false */
  readonly blockUdp: boolean
  /** Whether ICMP errors about packets that passed are translated back (RFC 5508 REQ-4), or lost. @default 'pass' */
  readonly icmpErrors: 'pass' | 'drop'
  /** Of all hosts together. @default 65,536 */
  readonly maxMappings: number
  /** Of one inside address. @default 65,536 */
  readonly maxMappingsPerHost: number
  /** How many remotes a mapping remembers. @default 4,096 */
  readonly maxFlowsPerMapping: number
}

/** A behaviour with the rest left to {@link NAT_DEFAULTS}. */
export type NatOptions = Pick<NatBehaviour, 'mapping'> &
  Partial<Omit<NatBehaviour, 'mapping' | 'lifetimes'>> & { readonly lifetimes?: Partial<NatLifetimes> }

export const NAT_DEFAULTS: Omit<NatBehaviour, 'mapping'> = {
  filtering: 'address-and-port-dependent',
  allocation: 'preserving',
  step: 1,
  parity: false,
  ports: { first: 1024, last: 65_535 },
  pooling: 'paired',
  hairpin: false,
  hairpinSource: 'external',
  lifetimes: {
    udpMs: 30_000,
    udpStreamMs: 120_000,
    tcpTransitoryMs: 240_000,
    tcpEstablishedMs: 7_440_000,
    icmpMs: 60_000
  },
  inboundRefresh: true,
  unsolicited: 'drop',
  blockUdp: false,
  icmpErrors: 'pass',
  maxMappings: 65_536,
  maxMappingsPerHost: 65_536,
  maxFlowsPerMapping: 4096
}

/** Each word of a behaviour that is one of several. */
const WORDS = {
  mapping: [...DEPENDENCES, 'none'],
  filtering: DEPENDENCES,
  allocation: PORT_ALLOCATIONS,
  pooling: ['paired', 'arbitrary'],
  hairpinSource: ['external', 'internal'],
  unsolicited: ['drop', 'reset'],
  icmpErrors: ['pass', 'drop']
} as const satisfies { readonly [Key in keyof NatBehaviour]?: readonly NatBehaviour[Key][] }

/** Fills in the defaults. @throws RangeError that names the option and what it may be */
export function natBehaviour(options: NatOptions): NatBehaviour {
  const behaviour: NatBehaviour = {
    ...NAT_DEFAULTS,
    ...options,
    lifetimes: { ...NAT_DEFAULTS.lifetimes, ...options.lifetimes }
  }
  for (const [key, words] of Object.entries(WORDS)) {
    const word = behaviour[key as keyof typeof WORDS]
    if (!(words as readonly string[]).includes(word))
      throw new RangeError(`${key} is ${words.join(', ')}; not '${word}'`)
  }
  const { ports, step, lifetimes, maxMappings, maxMappingsPerHost, maxFlowsPerMapping } = behaviour
  if (!(isPort(ports.first) && isPort(ports.last) && ports.first < ports.last)) {
    throw new RangeError('ports.first to ports.last is a range of at least two ports between 1 and 65535')
  }
  if (!Number.isInteger(step) || step === 0 || Math.abs(step) > ports.last - ports.first) {
    throw new RangeError('step is a whole number within the range of ports, and not 0')
  }
  for (const [key, ms] of Object.entries(lifetimes)) if (!(ms > 0)) throw new RangeError(`lifetimes.${key} is above 0`)
  for (const [key, count] of Object.entries({ maxMappings, maxMappingsPerHost, maxFlowsPerMapping })) {
    if (!(count >= 1)) throw new RangeError(`${key} is at least 1`)
  }
  return behaviour
}

/** @throws RangeError when there is none, or when they are not literals of one family */
export function checkPublicAddresses(addresses: readonly string[]): void {
  const families = new Set(addresses.map(isIP))
  if (families.size !== 1 || families.has(0)) {
    throw new RangeError(`a NAT has public addresses of one family, not [${addresses.join(', ')}]`)
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535
}
