import assert from 'node:assert/strict'
import test from 'node:test'
import type { Libp2pEvents } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { Events } from '../../../src/core/events.ts'
import type { AllowPrivate } from '../../../src/core/ip.ts'
import { candidatesFrom, OwnCandidates } from '../../../src/libp2p/links/own-candidates.ts'
import type { ObservedAddress } from '../../../src/libp2p/observed.ts'
import type { Mapped } from '../../../src/portmap/index.ts'
import { MAX_CANDIDATES, type PathCandidate } from '../../../src/wire/path.ts'

/** `quic 11.0.0.7:4001` and `tcp [2606:4700::7]:80`, as a multiaddr. */
function listening(text: string): Multiaddr {
  const [kind, address, port] = split(text)
  const ip = `/ip${address.includes(':') ? 6 : 4}/${address}`
  return multiaddr(kind === 'quic' ? `${ip}/udp/${port}/quic-v1` : `${ip}/tcp/${port}${kind === 'ws' ? '/ws' : ''}`)
}

/** `udp 11.0.0.7:4001`, with ` told` where nobody asked. */
function observed(text: string): ObservedAddress {
  const [kind, address, port] = split(text)
  const technique = kind === 'udp' ? 'punch-quic' : 'punch-tcp'
  const origin = text.endsWith(' told') ? 'told' : 'asked'
  return { candidate: { technique, address, port }, observers: [], ageMs: 0, origin } as unknown as ObservedAddress
}

function mapped(text: string): Mapped {
  const [protocol, address, port] = split(text)
  return { protocol, external: { address, port } } as Mapped
}

function split(text: string): readonly [kind: string, address: string, port: number] {
  const [, kind, address, port] = /^(\w+) \[?([^\]]+?)\]?:(\d+)( told)?$/.exec(text)!
  return [kind!, address!, Number(port)]
}

const show = ({ kind, transport, address, port }: PathCandidate) =>
  `${kind} ${transport} ${address.includes(':') ? `[${address}]` : address}:${port}`

interface Known {
  readonly listening?: readonly string[]
  readonly observed?: readonly string[]
  readonly mapped?: readonly string[]
}

const offered = (known: Known, allowPrivate: AllowPrivate = false) =>
  candidatesFrom(
    (known.listening ?? []).map(listening),
    (known.observed ?? []).map(observed),
    (known.mapped ?? []).map(mapped),
    allowPrivate
  ).map(show)

const ROWS: ReadonlyArray<
  readonly [what: string, known: Known, offered: readonly string[], allowPrivate?: AllowPrivate]
> = [
  ['nothing', {}, []],
  [
    'the best first: mapped, public, observed, private; UDP before TCP',
    {
      listening: [
        'tcp 192.168.1.7:5001',
        'quic 192.168.1.7:4001',
        'tcp [2606:4700::7]:5001',
        'quic [2606:4700::7]:4001'
      ],
      observed: ['tcp 11.0.0.7:6001', 'udp 11.0.0.7:4001'],
      mapped: ['tcp 11.0.0.7:5001', 'udp 11.0.0.7:4009']
    },
    [
      'mapped udp 11.0.0.7:4009',
      'mapped tcp 11.0.0.7:5001',
      'host udp [2606:4700::7]:4001',
      'host tcp [2606:4700::7]:5001',
      'observed udp 11.0.0.7:4001',
      'observed tcp 11.0.0.7:6001',
      'host udp 192.168.1.7:4001',
      'host tcp 192.168.1.7:5001'
    ]
  ],
  [
    'a public host, which others see as it is: once',
    { listening: ['quic 11.0.0.7:4001'], observed: ['udp 11.0.0.7:4001'] },
    ['host udp 11.0.0.7:4001']
  ],
  [
    'mapped and seen at the same port: once, as mapped',
    { observed: ['udp 11.0.0.7:4001'], mapped: ['udp 11.0.0.7:4001'] },
    ['mapped udp 11.0.0.7:4001']
  ],
  [
    'the same address over UDP and TCP: twice',
    { observed: ['udp 11.0.0.7:4001', 'tcp 11.0.0.7:4001'] },
    ['observed udp 11.0.0.7:4001', 'observed tcp 11.0.0.7:4001']
  ],
  [
    'no loopback, no link-local',
    { listening: ['quic 127.0.0.1:4001', 'quic [::1]:4001', 'quic 169.254.1.1:4001', 'quic 10.0.0.7:4001'] },
    ['host udp 10.0.0.7:4001']
  ],
  [
    'loopback where that is allowed, never link-local',
    { listening: ['quic 127.0.0.1:4001', 'quic 169.254.1.1:4001'] },
    ['host udp 127.0.0.1:4001'],
    true
  ],
  ['no loopback where only private addresses are allowed', { listening: ['quic 127.0.0.1:4001'] }, [], 'network'],
  ['addresses of documentation', { listening: ['quic 192.0.2.7:4001'] }, []],
  [
    'addresses of documentation where hubs have such',
    { listening: ['quic 192.0.2.7:4001'] },
    ['host udp 192.0.2.7:4001'],
    'network'
  ],
  [
    'behind a carrier-grade NAT: its own side last, though it is mapped',
    { listening: ['quic 192.168.1.7:4001'], observed: ['udp 11.0.0.7:9'], mapped: ['udp 100.64.0.3:4001'] },
    ['observed udp 11.0.0.7:9', 'mapped udp 100.64.0.3:4001', 'host udp 192.168.1.7:4001']
  ],
  [
    'what nobody could dial: port 0, WebSockets',
    { listening: ['quic 11.0.0.7:0', 'ws 11.0.0.7:80'], mapped: ['udp 11.0.0.7:0'] },
    []
  ],
  ['one spelling', { observed: ['udp [2606:4700:0:0:0:0:0:7]:4001'] }, ['observed udp [2606:4700::7]:4001']]
]
for (const [what, known, expected, allowPrivate] of ROWS) {
  test(what, () => assert.deepEqual(offered(known, allowPrivate), expected))
}

test('a relay that we listen at is not ours', () => {
  const id = '12D3KooWKFnoPGkBhzBS6uDsHQEu3xPViSF5nJN9wUmhvCNfxNNu'
  const relayed = multiaddr(`/ip4/11.9.0.1/udp/4001/quic-v1/p2p/${id}/p2p-circuit`)
  assert.deepEqual(candidatesFrom([relayed], [], [], false), [])
})

test('a crowd of strangers and interfaces: what we asked for and what is public is among the sixteen', () => {
  const crowd = (n: number, text: (i: number) => string) => Array.from({ length: n }, (_, i) => text(i))
  const list = offered({
    listening: crowd(100, i => `quic 192.168.${i}.1:4001`),
    observed: [...crowd(60, i => `udp 11.8.0.${i}:4001 told`), 'udp 11.0.0.7:4001'],
    mapped: ['udp 11.0.0.7:5001']
  })
  assert.equal(list.length, MAX_CANDIDATES)
  assert.deepEqual(list.slice(0, 2), ['mapped udp 11.0.0.7:5001', 'observed udp 11.0.0.7:4001'])
  assert.equal(list.filter(each => each.startsWith('host')).length, 7)
})

test('a change is told once, whoever it comes from; the same in another order is none', () => {
  const events = new TypedEventEmitter<Libp2pEvents>()
  const changes = new Events<{ observed: undefined; mapped: undefined }>()
  const known = {
    listening: ['quic 192.168.1.7:4001'],
    observed: ['udp 11.0.0.7:1', 'udp 11.0.0.8:2'],
    mapped: [] as string[]
  }
  const own = new OwnCandidates({
    events,
    listening: { getAddrs: () => known.listening.map(listening) },
    observed: {
      list: () => known.observed.map(observed),
      onChange: listener => changes.on('observed', listener)
    },
    mapped: {
      get mapped() {
        return known.mapped.map(mapped)
      },
      onChange: listener => changes.on('mapped', listener)
    },
    allowPrivate: false
  })
  let told = 0
  const off = own.onChange(() => told++)
  const tellAll = () => {
    changes.emit('observed', undefined)
    changes.emit('mapped', undefined)
    events.safeDispatchEvent('transport:listening')
    events.safeDispatchEvent('transport:close')
    own.look()
  }
  tellAll()
  known.observed.reverse()
  tellAll()
  assert.equal(told, 0)
  known.observed = ['udp 11.0.0.9:1']
  changes.emit('observed', undefined)
  assert.equal(told, 1)
  known.mapped = ['udp 11.0.0.9:4001']
  changes.emit('mapped', undefined)
  assert.equal(told, 2)
  known.listening.push('quic 10.0.0.7:4001')
  events.safeDispatchEvent('transport:listening')
  assert.equal(told, 3)
  known.listening.shift()
  own.look()
  assert.equal(told, 4)
  assert.deepEqual(own.list().map(show), [
    'mapped udp 11.0.0.9:4001',
    'observed udp 11.0.0.9:1',
    'host udp 10.0.0.7:4001'
  ])
  tellAll()
  assert.equal(told, 4)
  off()
  own.close()
  known.mapped = []
  tellAll()
  assert.equal(told, 4)
})
