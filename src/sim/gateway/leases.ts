import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Nat } from '../nat/index.ts'
import { familyOf } from '../nic.ts'

export type LeaseProtocol = 'udp' | 'tcp'

/** A mapping that somebody asked for. */
export interface Lease {
  readonly protocol: LeaseProtocol
  readonly internal: Endpoint
  readonly external: Endpoint
  /** Whose it is: PCP's nonce in hexadecimal, else the protocol's name. */
  readonly owner: string
  readonly description: string
  /** Infinity: until it is deleted. */
  readonly expiresAtMs: number
}

export interface LeaseRequest {
  readonly protocol: LeaseProtocol
  readonly internal: Endpoint
  /** 0: any. */
  readonly externalPort: number
  readonly lifetimeMs: number
  readonly owner: string
  readonly description?: string
}

export interface LeaseRules {
  /** Ports that are somebody else's. */
  readonly takenPorts?: readonly number[]
  /** Whether a free port that was asked for is not given. */
  readonly otherPort?: boolean
}

/** How many ports are tried after one that is taken. */
const TRIES = 64
/** Of one router. */
const MAX_LEASES = 1024

export interface LeasePlace {
  readonly clock: Clock
  readonly nat: Nat
  readonly nat6: Nat
  /** The router's address outside. */
  readonly external: string
}

/** The mappings that a router's clients have asked for, by whatever protocol, and the NAT that carries them out. */
export class Leases {
  readonly #place: LeasePlace
  readonly #leases = new Set<Lease>()

  constructor(place: LeasePlace) {
    this.#place = place
  }

  /** Those that are alive. */
  get all(): readonly Lease[] {
    const nowMs = this.#place.clock.now()
    for (const lease of this.#leases) if (lease.expiresAtMs <= nowMs) this.#leases.delete(lease)
    return [...this.#leases]
  }

  of(protocol: LeaseProtocol, internal: Endpoint): Lease | undefined {
    return this.all.find(lease => lease.protocol === protocol && isSame(lease.internal, internal))
  }

  /** By the port outside. */
  at(protocol: LeaseProtocol, externalPort: number): Lease | undefined {
    return this.all.find(
      ({ protocol: its, external }) =>
        its === protocol && external.port === externalPort && external.address === this.#place.external
    )
  }

  /** Gives exactly the port that was asked for, or nothing. */
  addExactly(request: LeaseRequest, rules: LeaseRules = {}): Lease | undefined {
    const { clock, external } = this.#place
    const { protocol, internal, externalPort, lifetimeMs, owner, description = '' } = request
    const isPinhole = familyOf(internal.address) === 6
    if (this.#leases.size >= MAX_LEASES) return undefined
    if (!isPinhole && rules.takenPorts?.includes(externalPort) === true) return undefined
    const known = this.all.find(lease => lease.protocol === protocol && isSame(lease.internal, internal))
    const wish = { address: external, port: externalPort }
    const nat = this.#natOf(internal)
    const view = nat.addMapping(clock.now(), { protocol, internal, lifetimeMs, ...(!isPinhole && { external: wish }) })
    if (!view) return undefined
    const expiresAtMs = clock.now() + lifetimeMs
    const lease: Lease = { protocol, internal, external: view.external, owner, description, expiresAtMs }
    if (known && isSame(known.external, view.external)) this.#leases.delete(known)
    this.#leases.add(lease)
    return lease
  }

  /** Gives the port that was asked for where it is free, else the next that is. */
  add(request: LeaseRequest, rules: LeaseRules = {}): Lease | undefined {
    const first = request.externalPort === 0 ? request.internal.port : request.externalPort
    for (let n = rules.otherPort === true ? 1 : 0; n < TRIES; n++) {
      const lease = this.addExactly({ ...request, externalPort: first + n > 65_535 ? 1024 + n : first + n }, rules)
      if (lease) return lease
    }
    return undefined
  }

  remove(lease: Lease): void {
    this.#leases.delete(lease)
    this.#natOf(lease.internal).removeMapping(this.#place.clock.now(), lease.protocol, lease.external)
  }

  /** Forgets all, as after a restart. */
  clear(): void {
    this.#leases.clear()
  }

  #natOf({ address }: Endpoint): Nat {
    return familyOf(address) === 6 ? this.#place.nat6 : this.#place.nat
  }
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port
}
