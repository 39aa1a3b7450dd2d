import type { Libp2pEvents, Startable } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { TypedEventTarget } from 'main-event'
import type { Timer } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import type { NetHost } from '../../core/net.ts'
import type { Mapped, MappedPort, PortMapper, PortMapperEvents, Wanted } from '../../portmap/index.ts'
import { systemHost } from '../../socket/system/host.ts'
import type { AddressSource } from '../autonat/index.ts'
import { endpointOf } from '../candidate.ts'
import { isLoopback } from '../quic/address.ts'

export interface MappedPortsComponents {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly transportManager: TransportManager
}

export type MappedPortsEvents = Pick<PortMapperEvents, 'mapped' | 'lost' | 'failed'>

/** Whoever connects to somebody has that done by then, and is not held up by code that is loaded for it. */
const BEGIN_MS = 1_000
const LISTENERS_CHANGE = ['transport:listening', 'transport:close'] as const

/**
 * Has the router map the ports that libp2p listens on, over QUIC and TCP. What it maps is announced only once somebody outside has
 * reached us by it: so this is a source of addresses for AutoNAT to ask about.
 *
 * ```ts
 * const ports = new MappedPorts()
 * createLibp2p({ services: { identify: identify(), ports: ports.service, autonat: autonat({ mapped: ports }) } })
 * ```
 */
export class MappedPorts implements AddressSource {
  readonly events = new Events<MappedPortsEvents>()
  readonly #changes = new Events<{ change: undefined }>()
  readonly #host: NetHost
  readonly #mapped = new Map<string, Mapped>()
  #mapper: PortMapper | undefined

  /** @param host the network that the router is in; default: this machine's */
  constructor(host: NetHost = systemHost) {
    this.#host = host
  }

  /** To be given to libp2p as a service. */
  readonly service = ({ events, transportManager }: MappedPortsComponents): Startable => {
    let timer: Timer | undefined
    const kept = new Map<string, MappedPort>()
    const sync = () => {
      const mapper = this.#mapper
      if (mapper == null) return
      const wanted = portsOf(transportManager)
      for (const [key, port] of wanted) if (!kept.has(key)) kept.set(key, mapper.map(port))
      for (const [key, port] of kept) {
        if (wanted.has(key)) continue
        kept.delete(key)
        void port.close()
        this.#forget(key)
      }
    }
    const begin = async () => {
      const begun = timer
      const portmap = await import('../../portmap/index.ts')
      // stopped meanwhile
      if (timer == null || timer !== begun) return
      const mapper = new portmap.PortMapper(this.#host)
      this.#mapper = mapper
      mapper.events.on('mapped', mapped => this.#onMapped(mapped))
      mapper.events.on('lost', lost => this.#onLost(lost))
      mapper.events.on('failed', failed => this.events.emit('failed', failed))
      for (const each of LISTENERS_CHANGE) events.addEventListener(each, sync)
      sync()
    }
    return {
      start: () => {
        timer = this.#host.clock.after(BEGIN_MS, () => void begin())
      },
      stop: async () => {
        timer?.cancel()
        timer = undefined
        for (const each of LISTENERS_CHANGE) events.removeEventListener(each, sync)
        const stopping = this.#mapper
        this.#mapper = undefined
        kept.clear()
        await stopping?.stop()
        for (const mapped of this.mapped) this.#onLost(mapped)
      }
    }
  }

  /** What is mapped now. */
  get mapped(): readonly Mapped[] {
    return [...this.#mapped.values()]
  }

  list(): readonly string[] {
    return [...this.#mapped.values()].map(({ protocol, external: { address, port } }) => {
      const ip = address.includes(':') ? `/ip6/${address}` : `/ip4/${address}`
      return protocol === 'udp' ? `${ip}/udp/${port}/quic-v1` : `${ip}/tcp/${port}`
    })
  }

  /**
   * Our network has changed, or the machine has slept: the router of now is asked, whether it is another one or the same. By itself
   * another one would be noticed within half a minute, and that the same has forgotten us, when a lease is renewed.
   */
  async networkChanged(): Promise<void> {
    const mapper = this.#mapper
    await mapper?.refresh()
    if (mapper === this.#mapper) mapper?.renew()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on('change', listener)
  }

  /** A port that we gave up ourselves. */
  #forget(port: string): void {
    for (const mapped of this.mapped) if (portOf(mapped) === port) this.#onLost(mapped)
  }

  #onMapped(mapped: Mapped): void {
    this.#mapped.set(keyOf(mapped), mapped)
    this.events.emit('mapped', mapped)
    this.#changes.emit('change', undefined)
  }

  #onLost(lost: Mapped): void {
    this.#mapped.delete(keyOf(lost))
    this.events.emit('lost', lost)
    this.#changes.emit('change', undefined)
  }
}

/** Each port once, whatever addresses it is on; what listens on loopback only is not meant for others. */
function portsOf(transportManager: TransportManager): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  for (const address of transportManager.getAddrs()) {
    const endpoint = endpointOf(address)
    if (endpoint == null || endpoint.port === 0 || isLoopback(endpoint.address)) continue
    const names = address.getComponents().map(({ name }) => name)
    const protocol = names.includes('quic-v1') ? 'udp' : names.length === 2 && names[1] === 'tcp' ? 'tcp' : undefined
    if (protocol == null) continue
    const port = { protocol, internalPort: endpoint.port } as const
    wanted.set(portOf(port), port)
  }
  return wanted
}

function portOf({ protocol, internalPort }: Wanted): string {
  return `${protocol} ${internalPort}`
}

function keyOf(mapped: Mapped): string {
  return `${portOf(mapped)} ${mapped.family}`
}
