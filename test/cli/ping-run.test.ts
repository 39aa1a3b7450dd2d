import assert from 'node:assert/strict'
import test from 'node:test'
import { streamPair } from '@libp2p/utils'
import { emptyResult, type PingPlan, runPings } from '../../src/cli/ping-run.ts'
import { Events } from '../../src/core/events.ts'
import type { Link, LinkEvents } from '../../src/node/link.ts'
import type { Node } from '../../src/node/node.ts'
import type { LinkPath } from '../../src/node/path.ts'

const RELAY: LinkPath = { kind: 'relay', transport: 'quic', remote: '192.0.2.1:4001' }
const DIRECT: LinkPath = { kind: 'direct', transport: 'quic', remote: '192.0.2.2:4001' }

/** A link over a relay to somebody who sends back what comes. */
function relayed() {
  const events = new Events<LinkEvents>()
  const link = {
    path: RELAY,
    session: {},
    events,
    history: [],
    attempts: [],
    timeline: [],
    explain: () => null,
    async openStream() {
      const [near, far] = await streamPair()
      far.addEventListener('message', ({ data }) => far.send(data))
      return near
    }
  }
  const node = { id: 'we', connect: async () => link as unknown as Link } as unknown as Node
  const go = (path: LinkPath) => {
    link.path = path
    events.emit('path', path)
  }
  return { node, go }
}

/** Pings one minute apart. @returns by which path each went, and how long it all took */
async function pings(
  plan: Pick<PingPlan, 'count' | 'until'>,
  onPong: (seq: number, go: (path: LinkPath) => void) => void
) {
  const { node, go } = relayed()
  const paths: string[] = []
  const result = emptyResult()
  const listener = {
    pong(seq: number, { path }: { path: LinkPath }) {
      paths.push(path.kind)
      onPong(seq, go)
    },
    direct() {},
    path() {}
  }
  const whole = { peer: 'they', intervalMs: 60_000, ...plan }
  await runPings(node, whole, result, listener, AbortSignal.timeout(20_000))
  return { paths, result }
}

for (const until of ['first', 'direct'] as const) {
  test(`--until ${until}: when the path becomes direct the next ping goes at once, however long the pause would be`, async () => {
    const count = until === 'first' ? 2 : 1
    const { paths, result } = await pings({ count, until }, (seq, go) => seq === 1 && setTimeout(go, 20, DIRECT))
    assert.deepEqual(paths, ['relay', 'direct'])
    assert.ok(result.msDirect != null && result.msDirect < 10_000)
  })
}

test('--until first: a change to another relay leaves the pause as it is', async () => {
  const changed = pings({ count: 2, until: 'first' }, (seq, go) => {
    if (seq > 1) return
    setTimeout(go, 10, { ...RELAY, remote: '192.0.2.3:4001' })
    setTimeout(go, 100, DIRECT)
  })
  const { paths } = await changed
  assert.deepEqual(paths, ['relay', 'direct'])
})
