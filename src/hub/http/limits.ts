import type { AllowanceInit } from '../../core/allowance.ts'
import { MAX_RECORD_BYTES } from '../../wire/record.ts'

/** What a hub's HTTP server allows. docs/rendezvous.md has the same for operators. A source is an IPv4 address, or an IPv6 network of 64 bits. */
export interface HttpLimits {
  /** Requests of one source, WebSocket's included, whatever they come to. */
  readonly requests: AllowanceInit
  readonly bodyBytes: number
  /** The request line and all header fields. */
  readonly headerBytes: number
  /** Connections at once that carry HTTP. One that has become a WebSocket counts as libp2p's. */
  readonly maxConnections: number
  /** Of these, from one source. Those of a trusted proxy count in all only. */
  readonly maxConnectionsFrom: number
  readonly requestsPerConnection: number
  /** How long a request may take until its last header is here, from the connection's begin or the one before. */
  readonly headersMs: number
  /** The same for its last byte. */
  readonly requestMs: number
  /** How often connections are looked at for that. */
  readonly checkMs: number
  /** How long a connection is kept without a request. */
  readonly keepAliveMs: number
  /** How long nothing may move at all, an answer that nobody takes included. */
  readonly stallMs: number
  /** How long what a refused request still sends is thrown away: closed at once, a connection loses its answer (RFC 9112 section 9.6). */
  readonly lingerMs: number
  /** How long requests in hand have when the server stops. */
  readonly stopMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  // nodes register by their libp2p connection; this is for people, pages and gateways: a company behind one address has enough of it
  requests: { burst: 256, refillMs: 20, maxKeys: 65_536 },
  bodyBytes: MAX_RECORD_BYTES,
  headerBytes: 16_384,
  maxConnections: 8_192,
  // a browser opens 6 to one host
  maxConnectionsFrom: 128,
  requestsPerConnection: 1_000,
  // 24 kB in 10 s: a modem could do it
  headersMs: 5_000,
  requestMs: 10_000,
  checkMs: 1_000,
  keepAliveMs: 5_000,
  // a store may take 5 s for its answer (store.ts STORE_TIMEOUT_MS), and a request two of these
  stallMs: 20_000,
  lingerMs: 2_000,
  stopMs: 1_000
}
