import { noise } from '@chainsafe/libp2p-noise'
import { quic as stockQuic } from '@chainsafe/libp2p-quic'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import { quic } from '../../src/libp2p/quic/index.ts'
import { noSwitchQuic } from './no-switch.ts'

const QUIC = ['/ip4/127.0.0.1/udp/0/quic-v1']
const TCP = ['/ip4/127.0.0.1/tcp/0']

/** Each with its own defaults: what a program gets that adds it and says nothing else. */
const CONTENDERS = {
  'stock-quic': () => ({ addresses: { listen: QUIC }, transports: [stockQuic()] }),
  'stock-tcp': () => ({
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

export function libp2pOptions(contender: Contender): Libp2pOptions {
  return CONTENDERS[contender]()
}
