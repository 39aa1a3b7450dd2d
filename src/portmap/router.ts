import type { NetHost } from '../core/net.ts'
import { listenForNews } from './announcements.ts'
import { BootWatch } from './boot.ts'
import { EpochWatch } from './epoch.ts'
import type { Ask, Grant, MappingClient, Outcome, Wanted } from './mapping.ts'
import type { Nonces } from './nonces.ts'
import { PortControl } from './port-control.ts'
import { askInTurn } from './turns.ts'
import type { Uplink } from './uplink.ts'
import { UpnpClient } from './upnp/client.ts'

/** The router of one uplink, by all protocols that it speaks. */
export class MappingRouter {
  readonly uplink: Uplink
  readonly #host: NetHost
  readonly #first: MappingClient
  readonly #second: UpnpClient
  readonly #close: () => void
  /** Who has made the mapping of which protocol and port. */
  readonly #makers = new Map<string, MappingClient>()

  private constructor(host: NetHost, uplink: Uplink, first: MappingClient, second: UpnpClient, close: () => void) {
    this.#host = host
    this.uplink = uplink
    this.#first = first
    this.#second = second
    this.#close = close
  }

  /**
   * @param onNews  called when the router may have forgotten its mappings
   * @throws NatError NO_NETWORK, LIMIT when there can be no socket at the uplink's address
   */
  static async open(host: NetHost, uplink: Uplink, nonces: Nonces, onNews: () => void): Promise<MappingRouter> {
    const [epoch, boot] = [new EpochWatch(), new BootWatch()]
    const socket = await host.udp({ family: uplink.family, address: uplink.address })
    const stopListening = await listenForNews(host, uplink, epoch, boot, onNews)
    const control = new PortControl({ host, uplink, socket, epoch, nonces, onRestart: onNews })
    return new MappingRouter(host, uplink, control, new UpnpClient(host, uplink, boot), () => {
      stopListening()
      socket.close()
    })
  }

  /** A mapping is renewed by the protocol that has made it; a new one is asked for by all. @throws the signal's reason */
  async map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome> {
    const maker = this.#makers.get(keyOf(ask))
    if (held != null && maker != null) return await maker.map(ask, held, signal)
    const clients = { first: this.#first, second: this.#second }
    const { client, ...outcome } = await askInTurn(clients, ask, this.#host.clock, signal)
    this.#makers.set(keyOf(ask), client)
    return outcome
  }

  async unmap(wanted: Wanted, held: Grant | undefined, signal: AbortSignal): Promise<void> {
    const maker = this.#makers.get(keyOf(wanted)) ?? this.#first
    await maker.unmap(wanted, held, signal)
  }

  /** Leaves the router alone; mappings live on. */
  close(): void {
    this.#close()
  }
}

function keyOf({ protocol, internalPort }: Wanted): string {
  return `${protocol} ${internalPort}`
}
