import { noise } from '@chainsafe/libp2p-noise'
import { quic as stockQuic } from '@chainsafe/libp2p-quic'
import { yamux as stockYamux } from '@chainsafe/libp2p-yamux'
import { tcp as stockTcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import { type CircuitOptions, circuitRelay } from '../../src/libp2p/circuit/index.ts'
import { Links } from '../../src/libp2p/links/links.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import { tcp } from '../../src/libp2p/tcp/index.ts'
import { yamux } from '../../src/libp2p/yamux.ts'
import { noSwitchQuic } from './no-switch.ts'

const QUIC = ['/ip4/127.0.0.1/udp/0/quic-v1']
const TCP = ['/ip4/127.0.0.1/tcp/0']

/** Each with its own defaults: what a program gets that adds it and says nothing else. */
const CONTENDERS = {
  'stock-quic': () => ({ addresses: { listen: QUIC }, transports: [stockQuic()] }),
  'stock-tcp': () => ({
    addresses: { listen: TCP },
    transports: [stockTcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [stockYamux()]
  }),
  'ours-tcp': () => ({
    addresses: { listen: TCP },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  }),
  'ours-ffi': () => ({ addresses: { listen: QUIC }, transports: [quic({ plane: 'ffi' })] }),
  'ours-portable': () => ({ addresses: { listen: QUIC }, transports: [quic({ plane: 'portable' })] }),
  'ours-no-switch': () => ({ addresses: { listen: QUIC }, transports: [noSwitchQuic()] })
} satisfies Record<string, () => Libp2pOptions>

/** Over a hub, where nobody is told an address of ours, so that it stays so. */
const RELAYED = {
  /** One QUIC connection between the two, which could go direct. */
  link: relay => {
    const candidates = { list: () => [], onChange: () => () => {} }
    const links = new Links({ candidates, relays: () => [] })
    return { ...relayed(relay, { links }), services: { links: links.service } }
  },
  /** As libp2p has it: Noise and yamux. */
  circuit: relay => relayed(relay)
} satisfies Record<string, (relay: string) => Libp2pOptions>

function relayed(relay: string, options?: CircuitOptions) {
  return {
    addresses: { listen: [`${relay}/p2p-circuit`] },
    transports: [quic(), tcp(), circuitRelay(options)],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  } satisfies Libp2pOptions
}

export type Contender = keyof typeof CONTENDERS
export const CONTENDER_NAMES = Object.keys(CONTENDERS) as Contender[]
export type Relayed = keyof typeof RELAYED
export const RELAYED_NAMES = Object.keys(RELAYED) as Relayed[]

export function isContender(name: string): name is Contender {
  return Object.hasOwn(CONTENDERS, name)
}

/** @param relay the address of the hub that everything goes over, of those that need one */
export function libp2pOptions(name: string, relay?: string): Libp2pOptions {
  if (isContender(name)) return CONTENDERS[name]()
  if (relay != null && Object.hasOwn(RELAYED, name)) return RELAYED[name as Relayed](relay)
  throw new Error(`there is no contender called ${name}`)
}
