import assert from 'node:assert/strict'
import test from 'node:test'
import { type StunPlace, streamSites, stunSites } from '../../../src/hub/stun/sites.ts'

/** `A:3478` is bound to A and known as A, `A=X:3478` known as X, `A=:3478` known to nobody. */
function place(text: string): StunPlace {
  const [, host = '', as, port] = /^([^=]+?)(=.*)?:(\d+)$/.exec(text) ?? []
  const address = as == null ? host : as.slice(1)
  return {
    family: host.startsWith('v6') ? 6 : 4,
    host,
    port: Number(port),
    address: address === '' ? undefined : address
  }
}

const TWO = ['A:3478', 'A:4001', 'B:3478', 'B:4001']

for (const [what, texts, expected] of [
  [
    'two addresses, two ports',
    TWO,
    [
      'A:3478 other B:4001 ip B:3478 port A:4001 both B:4001',
      'A:4001 other B:3478 ip B:4001 port A:3478 both B:3478',
      'B:3478 other A:4001 ip A:3478 port B:4001 both A:4001',
      'B:4001 other A:3478 ip A:4001 port B:3478 both A:3478'
    ]
  ],
  [
    'one address: its other port, and no alternate',
    ['A:3478', 'A:4001'],
    ['A:3478 other - ip - port A:4001 both -', 'A:4001 other - ip - port A:3478 both -']
  ],
  [
    'one address of each family: they are not alternates',
    ['A:3478', 'A:4001', 'v6:3478', 'v6:4001'],
    [
      'A:3478 other - ip - port A:4001 both -',
      'A:4001 other - ip - port A:3478 both -',
      'v6:3478 other - ip - port v6:4001 both -',
      'v6:4001 other - ip - port v6:3478 both -'
    ]
  ],
  [
    'two addresses, one port: no alternate, for that has both changed',
    ['A:3478', 'B:3478'],
    ['A:3478 other - ip B:3478 port - both -', 'B:3478 other - ip A:3478 port - both -']
  ],
  [
    'announced under other addresses',
    ['A=X:1', 'A=X:2', 'B=Y:1', 'B=Y:2'],
    ['X:1 other Y:2 ip B:1 port A:2 both B:2', 'X:2 other Y:1 ip B:2 port A:1 both B:1'].concat([
      'Y:1 other X:2 ip A:1 port B:2 both A:2',
      'Y:2 other X:1 ip A:2 port B:1 both A:1'
    ])
  ],
  [
    'only one of them announced: nobody is told of the other, or sent to it',
    ['A=X:1', 'A=X:2', 'B=:1', 'B=:2'],
    ['X:1 other - ip - port A:2 both -', 'X:2 other - ip - port A:1 both -'].concat([
      '- other - ip - port B:2 both -',
      '- other - ip - port B:1 both -'
    ])
  ],
  [
    'the unspecified address',
    ['any=:1', 'any=:2'],
    ['- other - ip - port any:2 both -', '- other - ip - port any:1 both -']
  ],
  [
    'three addresses: each the next',
    ['A:1', 'A:2', 'B:1', 'B:2', 'C:1', 'C:2'],
    [
      'A:1 other B:2 ip B:1 port A:2 both B:2',
      'A:2 other B:1 ip B:2 port A:1 both B:1',
      'B:1 other C:2 ip C:1 port B:2 both C:2',
      'B:2 other C:1 ip C:2 port B:1 both C:1',
      'C:1 other A:2 ip A:1 port C:2 both A:2',
      'C:2 other A:1 ip A:2 port C:1 both A:1'
    ]
  ]
] as const) {
  test(`alternates: ${what}`, () => {
    const places = texts.map(place)
    const named = (index: number | undefined) => (index == null ? '-' : `${places[index]?.host}:${places[index]?.port}`)
    const found = stunSites(places).map(({ origin, other, changeIp, changePort, changeBoth }) => {
      const [from, alternate] = [origin, other].map(each => (each == null ? '-' : `${each.address}:${each.port}`))
      return `${from} other ${alternate} ip ${named(changeIp)} port ${named(changePort)} both ${named(changeBoth)}`
    })
    assert.deepEqual(found, expected)
  })
}

test('no sockets, no sites', () => assert.deepEqual(stunSites([]), []))

test('over streams the alternate is the other address', () => {
  const sites = streamSites(['A:3478', 'B:3478', 'v6:3478'].map(place))
  assert.deepEqual(
    sites.map(({ origin, other, changeIp }) => [origin?.address, other?.address, other?.port, changeIp]),
    [
      ['A', 'B', 3478, undefined],
      ['B', 'A', 3478, undefined],
      ['v6', undefined, undefined, undefined]
    ]
  )
})
