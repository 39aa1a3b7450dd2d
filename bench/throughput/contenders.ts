import { noise } from '@chainsafe/libp2p-noise'
import { quic as stockQuic } from '@chainsafe/libp2p-quic'
import { yamux as stockYamux } from '@chainsafe/libp2p-yamux'
import { tcp as stockTcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import { circuitRelay } from '../../src/libp2p/circuit/index.ts'
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

export type Contender = keyof typeof CONTENDERS
export const CONTENDER_NAMES = Object.keys(CONTENDERS) as Contender[]

export function isContender(name: string): name is Contender {
  return Object.hasOwn(CONTENDERS, name)
}

/** @param relay the address of a hub: then everything goes over it, and there is no choice of a transport */
export function libp2pOptions(contender: Contender, relay?: string): Libp2pOptions {
  if (relay == null) return CONTENDERS[contender]()
  return {
    addresses: { listen: [`${relay}/p2p-circuit`] },
    transports: [quic(), tcp(), circuitRelay()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()]
  }
}
