import { after, afterEach, before, beforeEach, describe, it, type TestContext } from 'node:test'
import { QUIC_V1 } from '@multiformats/multiaddr-matcher'
import { quic } from '../../src/libp2p/quic/index.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'

/** The suite is written for mocha: its `this` has `timeout` and `skip`, which node:test has elsewhere. */
type Body = (this: { timeout(ms: number): void; skip(): void }) => unknown
const run = (body: Body) => async (t: TestContext) => {
  await body.call({ timeout: () => {}, skip: () => t.skip('the suite skips this without a listener') })
}
Object.assign(globalThis, {
  describe,
  it: (name: string, body: Body) => it(name, run(body)),
  before,
  after,
  beforeEach,
  afterEach
})
const { default: transportTests } = await import('@libp2p/interface-compliance-tests/transport')

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
