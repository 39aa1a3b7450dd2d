import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Gateway } from '../../src/core/net.ts'
import { withGateway } from '../../src/nat/hops.ts'

const SIX: Gateway = { family: 6, address: 'fe80::1%eth0', interface: 'eth0' }
const FOUR: Gateway = { family: 4, address: '192.168.2.1', interface: 'eth0' }

type Hops = (string | null)[] | null

const ROWS: ReadonlyArray<readonly [about: string, hops: Hops, gateways: readonly Gateway[], expected: Hops]> = [
  ['a silent first router', [null, '100.64.2.1'], [SIX, FOUR], ['192.168.2.1', '100.64.2.1']],
  ['one that answered', ['192.168.9.1', null], [FOUR], ['192.168.9.1', null]],
  ['a silent one further on', ['192.168.2.1', null, '11.0.0.1'], [FOUR], ['192.168.2.1', null, '11.0.0.1']],
  ['no default route', [null, '100.64.2.1'], [SIX], [null, '100.64.2.1']],
  ['nobody answered', [], [FOUR], []],
  ['nobody could ask', null, [FOUR], null]
]

describe('the first router on the way', () => {
  for (const [about, hops, gateways, expected] of ROWS) {
    it(about, () => {
      for (const arrives of [false, true]) {
        const way = (routers: Hops) => (routers == null ? null : { routers, arrives })
        assert.deepEqual(withGateway(way(hops), gateways), way(expected))
      }
    })
  }
})
