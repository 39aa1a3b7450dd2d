import type { AccessOptions } from './access/access.ts'
import type { HttpLimits } from './http/index.ts'
import type { RecordLimits } from './records/index.ts'
import type { RelayLimits } from './relay/limits.ts'
import type { StunTls } from './stun/index.ts'

export interface HubOptions {
  /** Addresses to listen on. @default ['0.0.0.0'] */
  readonly hosts?: readonly string[]
  /** TCP and QUIC; 0 takes one that is free for both. @default 4001 */
  readonly port?: number
  /** HTTP and WebSocket; 0 takes a free one. @default 8080 */
  readonly httpPort?: number
  /** STUN over UDP and TCP; 0 takes one that is free for both. @default 3478, or a free one where that is taken */
  readonly stunPort?: number
  /** A certificate: with it STUN is served over TLS too. @default none */
  readonly tls?: StunTls
  /** STUN over TLS. @default 5349 */
  readonly stunsPort?: number
  /** IP addresses to tell peers instead of those listened on, for a hub behind a forwarding router. */
  readonly announce?: readonly string[]
  /** The folder that keeps the hub's identity, and its records. @default the XDG configuration folder, for the identity alone */
  readonly dataDir?: string
  /** Where records are kept: `sqlite:FILE`, `memory:`, `redis://…`, `rediss://…`, `redis+cluster://…` (docs/hub.md). @default `records.sqlite` in the folder; `memory:` where none is named */
  readonly store?: string
  /** Who may use it. @default everybody */
  readonly access?: AccessOptions
  /** Of the relay. @default RELAY_LIMITS */
  readonly limits?: Partial<RelayLimits>
  /** Of those who leave records and look for them. @default RECORD_LIMITS */
  readonly recordLimits?: Partial<RecordLimits>
  /** @default HTTP_LIMITS */
  readonly httpLimits?: Partial<HttpLimits>
  /** Who has it may list peers over HTTP. @default nobody may */
  readonly operatorToken?: string
  /** Addresses and networks of reverse proxies, whose X-Forwarded-For counts. @default none */
  readonly trustedProxies?: readonly string[]
}

/** What may change while a hub runs. */
export type HubRules = Pick<HubOptions, 'access' | 'limits'>

export interface Hub {
  readonly id: string
  readonly addrs: readonly string[]
  /** Of HTTP and WebSocket. */
  readonly httpPort: number
  /** Where STUN is served over UDP and TCP, as `ip:port` or `[ip]:port`. The UDP port of QUIC answers it as well. */
  readonly stun: readonly string[]
  /** Where it is served over TLS; none without a certificate. */
  readonly stuns: readonly string[]
  /** Whether what it keeps its records in answers. */
  healthy(): Promise<boolean>
  /** From now on these count, for those too who are there already. @throws NatError BAD_OPTION, and leaves everything as it is */
  change(rules: HubRules): void
  stop(): Promise<void>
}
