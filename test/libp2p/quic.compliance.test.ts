import { QUIC_V1 } from '@multiformats/multiaddr-matcher'
import { quic } from '../../src/libp2p/quic/index.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { describe, transportTests } from './compliance.ts'

for (const plane of ['ffi', 'portable'] satisfies PlaneKind[]) {
  describe(`js-libp2p's compliance tests: QUIC through the ${plane} data plane`, () => {
    transportTests({
      async setup() {
        return {
          dialer: { transports: [quic({ plane })] },
          listener: {
            addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/udp/0/quic-v1'] },
            transports: [quic({ plane })]
          },
          listenMultiaddrMatcher: QUIC_V1,
          dialMultiaddrMatcher: QUIC_V1
        }
      },
      async teardown() {}
    })
  })
}
