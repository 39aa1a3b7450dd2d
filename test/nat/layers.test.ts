import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { layers } from '../../src/nat/layers.ts'

const HOME = '192.168.1.10'
const SEEN = '11.2.0.10'
const ISP = '11.200.0.1'

interface Row {
  about: string
  own?: string | null
  seen?: string | null
  external?: string[]
  hops?: (string | null)[] | null
  /** Whether the server comes right after them. */
  arrives?: boolean
  natLayers: number | null
  cgnat: boolean | null
}

const ROWS: Row[] = [
  { about: 'nothing known of us', own: null, natLayers: null, cgnat: null },
  { about: 'nobody saw us', seen: null, natLayers: null, cgnat: null },
  { about: 'a public address', own: SEEN, natLayers: 0, cgnat: false },
  { about: 'a NAT, and no means to look further', natLayers: null, cgnat: null },
  { about: 'the router is on the internet, it says', external: [SEEN], natLayers: 1, cgnat: false },
  { about: 'the router is on the internet, the way shows', hops: ['192.168.1.1', ISP], natLayers: 1, cgnat: false },
  { about: 'the router has a carrier address outside', external: ['100.64.3.10'], natLayers: 2, cgnat: true },
  { about: 'the router has a private address outside', external: ['192.168.0.2'], natLayers: 2, cgnat: null },
  {
    about: 'the same, and the way is clear',
    external: ['10.0.0.2'],
    hops: ['192.168.1.1', '10.0.0.1', ISP],
    natLayers: 2,
    cgnat: false
  },
  {
    about: 'the same, with a third one beyond',
    external: ['10.0.0.2'],
    hops: ['192.168.1.1', '10.0.0.1', '100.64.0.1', ISP],
    natLayers: 3,
    cgnat: true
  },
  { about: 'a carrier network on the way', hops: ['192.168.1.1', '100.64.2.1', ISP], natLayers: 2, cgnat: true },
  {
    about: 'several carrier routers, one NAT',
    hops: ['192.168.1.1', '100.64.2.1', '100.64.7.1', ISP],
    natLayers: 2,
    cgnat: true
  },
  {
    about: 'a telephone in a carrier network',
    own: '100.70.1.2',
    hops: ['100.70.1.1', ISP],
    natLayers: 1,
    cgnat: true
  },
  { about: 'the same without a way to see', own: '100.70.1.2', natLayers: 1, cgnat: true },
  { about: 'two private blocks on the way', hops: ['192.168.1.1', '10.0.0.1', ISP], natLayers: 2, cgnat: false },
  {
    about: 'two networks of one block: routed, or translated',
    hops: ['192.168.1.1', '192.168.0.1', ISP],
    natLayers: null,
    cgnat: null
  },
  {
    about: 'the first router is of another network of that block',
    hops: ['192.168.7.1', ISP],
    natLayers: null,
    cgnat: null
  },
  {
    about: 'a company that routes inside',
    own: '10.1.2.3',
    hops: ['10.1.2.1', '10.255.0.1', ISP],
    natLayers: null,
    cgnat: null
  },
  { about: 'a silent router', hops: ['192.168.1.1', null, ISP], natLayers: null, cgnat: null },
  { about: 'a silent router before a carrier network', hops: [null, '100.64.2.1', ISP], natLayers: null, cgnat: true },
  { about: 'all silent', hops: [null, null, null], natLayers: null, cgnat: null },
  { about: 'the way was not seen to its public part', hops: ['192.168.1.1', '10.0.0.1'], natLayers: null, cgnat: null },
  { about: 'the server is next to the router', hops: ['192.168.1.1'], arrives: true, natLayers: 1, cgnat: false },
  {
    about: 'the server is next to a carrier NAT',
    hops: ['192.168.1.1', '100.64.2.1'],
    arrives: true,
    natLayers: 2,
    cgnat: true
  },
  {
    about: 'the server is next to the second of two networks of one block',
    hops: ['192.168.1.1', '192.168.0.1'],
    arrives: true,
    natLayers: null,
    cgnat: null
  },
  { about: 'a silent router next to the server', hops: [null], arrives: true, natLayers: null, cgnat: null },
  {
    about: 'a server in a private network, next to the router',
    seen: '10.0.0.2',
    hops: ['192.168.1.1'],
    arrives: true,
    natLayers: 1,
    cgnat: false
  },
  {
    about: 'a server in a private network, behind a second router',
    seen: '10.0.0.2',
    hops: ['192.168.1.1', '10.0.0.1'],
    arrives: true,
    natLayers: null,
    cgnat: null
  },
  { about: 'a public address that is translated', own: '11.9.0.1', hops: [ISP], natLayers: 1, cgnat: false },
  { about: 'a router that says nonsense', external: ['0', 'example.org'], natLayers: null, cgnat: null },
  {
    about: 'a router on another public address: another uplink, or a lie',
    external: ['11.7.0.1'],
    natLayers: null,
    cgnat: null
  }
]

describe('how many NATs are in a row', () => {
  for (const {
    about,
    own = HOME,
    seen = SEEN,
    external = [],
    hops = null,
    arrives = false,
    natLayers,
    cgnat
  } of ROWS) {
    test(about, () => {
      const verdict = layers({
        own: own == null ? null : { address: own, prefixLength: 24 },
        public: seen,
        external,
        way: hops == null ? null : { routers: hops, arrives }
      })
      assert.deepEqual(verdict, { natLayers, cgnat })
    })
  }
})
