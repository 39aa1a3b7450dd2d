import { Allowance } from '../core/allowance.ts'
import type { Timer } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import { type IpScope, ipScope } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family, NetHost } from '../core/net.ts'
import { type Kept, keepLease } from './keep.ts'
import { LEASE, type LeaseEvent } from './lease.ts'
import type { Grant, MappingProtocol, Outcome, Wanted } from './mapping.ts'
import { Nonces } from './nonces.ts'
import type { MappingReason } from './reason.ts'
import { MappingRouter } from './router.ts'
import { findUplink, type Uplink } from './uplink.ts'

export interface Mapped extends Wanted {
  readonly family: Family
  readonly by: MappingProtocol
  readonly internal: Endpoint
  readonly external: Endpoint
  /** null: for good. */
  readonly lifetimeSeconds: number | null
  /** Of the external address: where it is not public, there is another NAT between the router and the internet. */
  readonly scope: IpScope
}

export type PortMapperEvents = {
  /** A port is mapped, or its external endpoint has changed. Whether it is reached from outside, others have to say. */
  mapped: Mapped
  /** What was mapped is no more. */
  lost: Mapped
  /** There is no mapping, and why; once for each reason in a row. It goes on trying. */
  failed: Wanted & { readonly family: Family; readonly reason: MappingReason; readonly detail: string }
}

export interface PortMapperOptions {
  /** IPv4 for mappings, IPv6 for pinholes in firewalls. @default both */
  readonly families?: readonly Family[]
}

/** A port that is mapped until it is closed. */
export interface MappedPort {
  /** Deletes the mapping; two seconds at most. */
  close(): Promise<void>
}

/** Of one uplink: a router that tells of restarts without end is asked this often, and else when a lease is renewed. */
const NEWS = { burst: 3, refillMs: 60_000, maxKeys: 2 } as const

/** How often the default routes are looked at, which sends nothing: so long may a machine be in another network unnoticed. */
const LOOK_MS = 30_000

/** Keeps ports of this machine reachable from outside, by whatever its router offers: PCP, NAT-PMP, UPnP IGD. */
export class PortMapper {
  readonly events = new Events<PortMapperEvents>()
  readonly #host: NetHost
  readonly #families: readonly Family[]
  readonly #routers = new Map<Family, Promise<MappingRouter | undefined>>()
  readonly #leases = new Map<Kept, Family>()
  readonly #news = new Allowance(NEWS)
  readonly #nonces: Nonces
  #look: Timer | undefined
  #stopped = false

  constructor(host: NetHost, { families = [4, 6] }: PortMapperOptions = {}) {
    this.#host = host
    this.#families = families
    this.#nonces = new Nonces(host.random)
  }

  /** Maps a port, and keeps it mapped until it is closed or the mapper is stopped. Events tell what becomes of it. */
  map(wanted: Wanted): MappedPort {
    if (this.#stopped) throw new NatError('LINK_CLOSED', 'the port mapper was stopped')
    this.#look ??= this.#lookLater()
    const leases = this.#families.map(family => this.#keep(wanted, family))
    return {
      close: async () => {
        await Promise.all(leases.map(lease => this.#close(lease)))
      }
    }
  }

  /** Looks for the router anew, and maps again where it is another one. Done by itself every half minute, while a port is mapped. */
  async refresh(): Promise<void> {
    await Promise.all(
      this.#families.map(async family => {
        const known = this.#routers.get(family)
        const before = await known
        const uplink = await this.#uplink(family)
        if (sameUplink(before?.uplink, uplink)) return
        this.#forget(family, known, before)
        this.#each(family, lease => lease.moved())
      })
    )
  }

  /** Asks for everything once more: the router may have forgotten it, and while a machine sleeps nothing is renewed. */
  renew(): void {
    for (const lease of this.#leases.keys()) lease.again()
  }

  /** Deletes all mappings, two seconds at most, and ends. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#look?.cancel()
    await Promise.all([...this.#leases.keys()].map(lease => this.#close(lease)))
    for (const router of this.#routers.values()) (await router)?.close()
    this.#routers.clear()
    this.events.clear()
  }

  #lookLater(): Timer {
    return this.#host.clock.after(LOOK_MS, async () => {
      await this.refresh()
      if (!this.#stopped) this.#look = this.#lookLater()
    })
  }

  #keep(wanted: Wanted, family: Family): Kept {
    const { clock, random } = this.#host
    const lease = keepLease({
      wanted,
      clock,
      random,
      map: async (externalPort, held, signal) => {
        const router = await this.#router(family, held != null)
        if (router == null) return NO_GATEWAY
        const ask = { ...wanted, externalPort, lifetimeSeconds: LEASE.wantedSeconds }
        return await router.map(ask, held, signal)
      },
      unmap: async (held, signal) => {
        const router = await this.#routers.get(family)
        await router?.unmap(wanted, held, signal)
      },
      onEvent: event => this.#tell(wanted, family, event)
    })
    this.#leases.set(lease, family)
    return lease
  }

  async #close(lease: Kept): Promise<void> {
    await lease.close()
    this.#leases.delete(lease)
  }

  /** The router of a family. What is mapped there is renewed there; else it may have become another one. */
  async #router(family: Family, isRenewal: boolean): Promise<MappingRouter | undefined> {
    const held = await this.#routers.get(family)
    if (held != null && isRenewal) return held
    const uplink = await this.#uplink(family)
    const known = this.#routers.get(family)
    const current = await known
    if (current != null) {
      if (sameUplink(current.uplink, uplink)) return current
      this.#forget(family, known, current)
    }
    if (uplink == null || this.#stopped) return undefined
    // two leases that look at the same time share what the first one opens
    const opened = this.#routers.get(family) ?? this.#open(family, uplink)
    this.#routers.set(family, opened)
    return await opened
  }

  async #open(family: Family, uplink: Uplink): Promise<MappingRouter | undefined> {
    try {
      return await MappingRouter.open(this.#host, uplink, this.#nonces, () => this.#onNews(family))
    } catch (error) {
      if (!(error instanceof NatError)) throw error
      this.#routers.delete(family)
      return undefined
    }
  }

  /** @param known  what `router` was found by: another lease may have opened the next one meanwhile */
  #forget(family: Family, known: Promise<MappingRouter | undefined> | undefined, router?: MappingRouter): void {
    if (this.#routers.get(family) === known) this.#routers.delete(family)
    router?.close()
  }

  async #uplink(family: Family): Promise<Uplink | undefined> {
    return findUplink(family, this.#host.addresses(), await this.#host.gateways())
  }

  #onNews(family: Family): void {
    if (this.#news.take(`${family}`, this.#host.clock.now())) this.#each(family, lease => lease.again())
  }

  #each(family: Family, act: (lease: Kept) => void): void {
    for (const [lease, of] of this.#leases) if (of === family) act(lease)
  }

  #tell(wanted: Wanted, family: Family, event: LeaseEvent): void {
    if (event.type === 'failed') this.events.emit('failed', { ...wanted, family, ...event.refusal })
    else this.events.emit(event.type, mapped(wanted, family, event.grant))
  }
}

const NO_GATEWAY: Outcome = { refused: { reason: 'no-gateway', detail: 'no default route by a router' } }

function mapped(wanted: Wanted, family: Family, grant: Grant): Mapped {
  return { ...wanted, family, ...grant, scope: ipScope(grant.external.address) }
}

/** None is the same as none. */
function sameUplink(one: Uplink | undefined, other: Uplink | undefined): boolean {
  return one?.gateway === other?.gateway && one?.address === other?.address && one?.interface === other?.interface
}
