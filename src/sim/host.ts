import type { Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/machine.ts'
import type {
  Family,
  Gateway,
  HttpRequest,
  HttpResponse,
  InterfaceAddress,
  NetHost,
  ProbeSocket,
  TcpConnection,
  TcpOptions,
  UdpOptions,
  UdpSocket
} from '../core/net.ts'
import type { Random } from '../core/random.ts'
import { simHttp } from './http/client.ts'
import type { Names } from './names.ts'
import { addressesOf, interfaceAddresses, type Nic } from './nic.ts'
import type { Packet } from './packet.ts'
import { probeSocket } from './probe.ts'
import { Stack } from './stack.ts'
import type { TcpListener } from './tcp/ports.ts'
import type { Traffic } from './traffic.ts'

export interface SimHostInit {
  readonly name: string
  readonly nics: readonly Nic[]
  /** Where the internet sees it come from, over IPv4. */
  readonly publicIp: string
  readonly clock: Clock
  readonly random: Random
  readonly traffic: Traffic
  readonly names: Names
}

/** A machine in the simulated internet: programs see it as they see a real one. */
export class SimHost implements NetHost {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** Its first IPv4 address; the first IPv6 one where it has no other. */
  readonly ip: string
  /** All IPv4 addresses. */
  readonly ips: readonly string[]
  readonly ip6: string | undefined
  readonly publicIp: string
  readonly #nics: readonly Nic[]
  readonly #names: Names
  readonly #stack: Stack

  constructor({ name, nics, publicIp, clock, random, traffic, names }: SimHostInit) {
    this.name = name
    this.clock = clock
    this.random = random
    this.#nics = nics
    this.#names = names
    this.ips = nics.flatMap(nic => nic.ips)
    this.ip6 = nics.find(nic => nic.ip6 !== undefined)?.ip6
    this.ip = this.ips[0] ?? this.ip6 ?? ''
    this.publicIp = publicIp
    this.#stack = new Stack({ name, nics, clock, random, traffic })
  }

  addresses(): readonly InterfaceAddress[] {
    return interfaceAddresses(this.#nics)
  }

  async gateways(): Promise<readonly Gateway[]> {
    return ([4, 6] as const).flatMap(family =>
      this.#nics.flatMap(nic => {
        const address = family === 4 ? nic.gateway : nic.gateway6
        const reached = address !== undefined && addressesOf(nic, family).length > 0
        return reached ? [{ family, address, interface: nic.name }] : []
      })
    )
  }

  async udp(options: UdpOptions): Promise<UdpSocket> {
    return this.#stack.udp.open(options)
  }

  async probe(options: UdpOptions): Promise<ProbeSocket> {
    return probeSocket(await this.udp(options), listener => this.onIcmp(listener))
  }

  tcp(to: Endpoint, options: TcpOptions): Promise<TcpConnection> {
    return this.#stack.tcp.connect(to, options)
  }

  /** Accepts TCP connections. @throws NatError PORT_TAKEN */
  listenTcp(port: number, onConnection: (connection: TcpConnection) => void): TcpListener {
    return this.#stack.tcp.listen(port, onConnection)
  }

  http(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return simHttp(this, request, signal)
  }

  resolve(name: string, family: Family, signal: AbortSignal): Promise<readonly string[]> {
    return this.#names.resolve(this.name, name, family, signal)
  }

  /** Hears ICMP errors about packets of this machine. @returns a function that stops listening */
  onIcmp(listener: (packet: Packet) => void): () => void {
    return this.#stack.onIcmp(listener)
  }

  /** A packet that has come to it. */
  receive(packet: Packet): void {
    this.#stack.receive(packet)
  }

  close(): void {
    this.#stack.close()
  }
}
