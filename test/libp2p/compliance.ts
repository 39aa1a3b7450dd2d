import { after, afterEach, before, beforeEach, describe, it, type TestContext } from 'node:test'

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

export const { default: transportTests } = await import('@libp2p/interface-compliance-tests/transport')
export { describe }
