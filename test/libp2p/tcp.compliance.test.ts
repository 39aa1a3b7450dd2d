import { TCP } from '@multiformats/multiaddr-matcher'
import { tcp } from '../../src/libp2p/tcp/index.ts'
import { describe, transportTests } from './compliance.ts'

describe("js-libp2p's compliance tests: TCP from one local port", () => {
  transportTests({
    async setup() {
      return {
        dialer: { transports: [tcp()] },
        listener: {
          addresses: { listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0'] },
          transports: [tcp()]
        },
        listenMultiaddrMatcher: TCP,
        dialMultiaddrMatcher: TCP
      }
    },
    async teardown() {}
  })
})
