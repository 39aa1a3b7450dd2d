import { type TcpComponents, type TcpOptions, TcpTransport } from './transport.ts'

export type { TcpComponents, TcpOptions } from './transport.ts'

/**
 * A TCP transport for js-libp2p, in place of `tcp()` of `@libp2p/tcp` (which it wraps), with which holes can be punched: all
 * its dials leave from one local port per address family, and it can be the server of a connection that both sides dialled
 * (RFC 9293 section 3.5; libp2p's DCUtR specification).
 */
export function tcp(options?: TcpOptions): (components: TcpComponents) => TcpTransport {
  return components => new TcpTransport(components, options)
}
