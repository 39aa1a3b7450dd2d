import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Endpoint } from '../../src/core/machine.ts'
import { classifyMapping } from '../../src/nat/mapping.ts'

const EI = 'endpoint-independent'
const AD = 'address-dependent'
const APD = 'address-and-port-dependent'

/** `A:1 -> X:5000`: server A on its port 1 saw public address X, port 5000. */
function binding(row: string) {
  const [server = '', seen = ''] = row.split(' -> ')
  return { server: endpoint(server), public: endpoint(seen) }
}

function endpoint(text: string): Endpoint {
  const [address = '', port = ''] = text.split(':')
  return { address, port: Number(port) }
}

/** What servers saw; the mapping, or what it may be and why that is not known; ways out, 1 where nothing is said. */
const ROWS: [
  about: string,
  seen: string[],
  mapping: string | null,
  possible: string[],
  why: string | null,
  uplinks?: number
][] = [
  ['nobody answered', [], null, [], 'no-server'],
  ['two addresses, two ports, one endpoint', ['A:1 -> X:5', 'A:2 -> X:5', 'B:1 -> X:5', 'B:2 -> X:5'], EI, [EI], null],
  ['two addresses, one endpoint', ['A:1 -> X:5', 'B:1 -> X:5'], EI, [EI], null],
  ['a port for each address', ['A:1 -> X:5', 'A:2 -> X:5', 'B:1 -> X:6', 'B:2 -> X:6'], AD, [AD], null],
  ['the port-only pair is at the second address', ['A:1 -> X:5', 'B:1 -> X:6', 'B:2 -> X:6'], AD, [AD], null],
  ['a port for each endpoint', ['A:1 -> X:5', 'A:2 -> X:6', 'B:1 -> X:7', 'B:2 -> X:8'], APD, [APD], null],
  ['one address shows the worst', ['A:1 -> X:5', 'A:2 -> X:6'], APD, [APD], null],
  ['one address, two ports', ['A:1 -> X:5', 'A:2 -> X:5'], null, [EI, AD], 'one-address'],
  ['one plain server', ['A:1 -> X:5'], null, [EI, AD, APD], 'one-address'],
  ['one server asked twice', ['A:1 -> X:5', 'A:1 -> X:5'], null, [EI, AD, APD], 'one-address'],
  ['two addresses, one port each', ['A:1 -> X:5', 'B:1 -> X:6'], null, [AD, APD], 'one-port'],
  ['three addresses, one port each', ['A:1 -> X:5', 'B:1 -> X:6', 'C:1 -> X:7'], null, [AD, APD], 'one-port'],
  ['it forgot meanwhile', ['A:1 -> X:5', 'B:1 -> X:5', 'A:1 -> X:9'], null, [EI, AD, APD], 'unstable'],
  ['another way out each time', ['A:1 -> X:5', 'A:1 -> Y:9'], null, [EI, AD, APD], 'unstable', 2],
  ['two uplinks that preserve the port', ['A:1 -> X:5', 'B:1 -> Y:5'], EI, [EI], null, 2],
  ['two uplinks, the ports differ', ['A:1 -> X:5', 'B:1 -> Y:6'], null, [EI, AD, APD], 'several-uplinks', 2],
  [
    'two uplinks, two ports alike',
    ['A:1 -> X:5', 'A:2 -> X:5', 'B:1 -> Y:6'],
    null,
    [EI, AD, APD],
    'several-uplinks',
    2
  ],
  [
    'two uplinks, one of them shows a port for each endpoint',
    ['A:1 -> X:5', 'A:2 -> X:6', 'B:1 -> Y:7'],
    APD,
    [APD],
    null
  ],
  [
    'two uplinks, one of them shows a port for each address',
    ['A:1 -> X:5', 'A:2 -> X:5', 'B:1 -> Y:6', 'C:1 -> X:8'],
    AD,
    [AD],
    null
  ],
  [
    'a pool of addresses, one for each mapping',
    ['A:1 -> X:5', 'A:2 -> Y:6', 'B:1 -> X:7', 'B:2 -> Y:8'],
    null,
    [AD, APD],
    'one-port',
    2
  ],
  ['one of three lies about the port', ['A:1 -> X:5', 'B:1 -> X:5', 'C:1 -> X:6'], EI, [EI], null],
  ['one of three lies about all', ['C:1 -> Z:6', 'A:1 -> X:5', 'B:1 -> X:5'], EI, [EI], null],
  [
    'two against two prove nothing',
    ['A:1 -> X:5', 'B:1 -> X:5', 'C:1 -> X:6', 'D:1 -> X:6'],
    null,
    [AD, APD],
    'one-port'
  ],
  ['those that agree contradict themselves', ['A:1 -> X:5', 'A:2 -> X:6', 'B:1 -> X:5', 'B:2 -> X:6'], APD, [APD], null]
]

describe('the mapping that explains what servers saw', () => {
  for (const [about, seen, mapping, possible, why, uplinks = 1] of ROWS) {
    test(about, () => {
      assert.deepEqual(classifyMapping(seen.map(binding)), { mapping, possible, why, uplinks })
    })
  }

  test('the order in which servers answered is of no account', () => {
    for (const [, seen, mapping] of ROWS) {
      assert.equal(classifyMapping(seen.map(binding).reverse()).mapping, mapping)
    }
  })
})
