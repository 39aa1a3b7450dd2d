import type { Transport } from '@libp2p/interface'
import { type QuicComponents, type QuicOptions, QuicTransport } from './transport.ts'

export { QUIC_DEFAULTS, type QuicComponents, type QuicOptions } from './transport.ts'

/**
 * A QUIC transport for js-libp2p, a drop-in for `@chainsafe/libp2p-quic` on the same engine, that dials from the port that
 * it listens on and tells the true remote addresses, so that holes can be punched with it (RFC 9000, libp2p's
 * `quic-v1` and TLS specifications).
 *
 * @throws NatError NO_ENGINE when the engine has no build for this platform
 */
export function quic(options?: QuicOptions): (components: QuicComponents) => Transport {
  return components => new QuicTransport(components, options)
}
