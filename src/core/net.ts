import type { Clock } from './clock.ts'
import type { DatagramNet, Endpoint } from './machine.ts'
import type { Random } from './random.ts'

/** What a program sees of the network that it is in. The real one is socket/system/host.ts; sim/ has hosts of its own. */

export type Family = 4 | 6

/** A bound UDP socket. */
export interface UdpSocket extends DatagramNet {
  /** Where it is bound; the address may be the unspecified one. */
  readonly local: Endpoint
  /** Safe to call twice. */
  close(): void
}

export interface UdpOptions {
  readonly family: Family
  /** @default the unspecified address */
  readonly address?: string
  /** @default a free one */
  readonly port?: number
  /** How many routers its packets may pass. @default the system's, 64 mostly */
  readonly ttl?: number
  /** Groups to hear (RFC 1112, RFC 3810); the port is shared with whoever else listens to them. */
  readonly groups?: readonly string[]
}

/** A UDP socket that asks about the way itself: it sends nothing in fragments, and hears what routers say of its packets. */
export interface ProbeSocket extends UdpSocket {
  /** @returns a function that stops listening */
  onIcmp(listener: (error: IcmpError) => void): () => void
}

/** What a router, or the other end, said of a packet. */
export interface IcmpError {
  readonly type: 'time-exceeded' | 'too-big' | 'unreachable'
  /** Whose word it is. */
  readonly router: string
}

/** A TCP connection that carries few bytes: requests to STUN servers. */
export interface TcpConnection {
  readonly local: Endpoint
  readonly remote: Endpoint
  write(bytes: Uint8Array): void
  /** The next bytes; undefined at the end. @throws the signal's reason */
  read(signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Safe to call twice. */
  close(): void
}

export interface TcpOptions {
  readonly localPort?: number
  readonly signal: AbortSignal
}

export interface HttpRequest {
  readonly url: string
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Longer answers are an error. Bytes. */
  readonly maxBytes: number
}

/** An answer over HTTP/1.1. Redirects are answers, never followed. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The address of ours that the connection left from. */
  readonly localAddress: string
}

export interface InterfaceAddress {
  readonly name: string
  readonly family: Family
  readonly address: string
  /** Of the network that it is in. */
  readonly prefixLength: number
}

export interface Gateway {
  readonly family: Family
  /** A link-local one has its zone: `fe80::1%eth0`. */
  readonly address: string
  readonly interface: string
}

/** A machine in a network. Whatever waits has a signal; nothing throws but what is said. */
export interface NetHost {
  readonly clock: Clock
  readonly random: Random
  /** Of all interfaces that are up, loopback too. */
  addresses(): readonly InterfaceAddress[]
  /** The routers of the default routes, the preferred ones first. */
  gateways(): Promise<readonly Gateway[]>
  /** @throws NatError PORT_TAKEN, NO_NETWORK, LIMIT */
  udp(options: UdpOptions): Promise<UdpSocket>
  /** Absent where the system has no means. @throws NatError UNSUPPORTED, PORT_TAKEN, NO_NETWORK, LIMIT */
  probe?(options: UdpOptions): Promise<ProbeSocket>
  /** @throws NatError NO_NETWORK; the signal's reason */
  tcp(to: Endpoint, options: TcpOptions): Promise<TcpConnection>
  /** @throws NatError NO_NETWORK when nobody answers, MALFORMED or LIMIT for what is not bounded HTTP; the signal's reason */
  http(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
  /** Addresses of a name; none when there is no such name or no name server. @throws the signal's reason */
  resolve(name: string, family: Family, signal: AbortSignal): Promise<readonly string[]>
}
