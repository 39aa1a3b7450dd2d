import { setImmediate } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import type { NetworkSummary, TransportSummary } from '../../src/wire/summary.ts'

/** A peer that is nothing but its key: it signs, and others register it. */
export interface Signer {
  readonly key: PrivateKey
  /** As paths of the HTTP API have it. */
  readonly id: string
  /** As the stream has it. */
  readonly multihash: Uint8Array
}

/** A signed record, made before any clock runs. */
export interface Sealed {
  readonly signer: Signer
  readonly envelope: Uint8Array
}

export async function signers(count: number): Promise<Signer[]> {
  const made: Signer[] = []
  while (made.length < count) {
    const key = await generateKeyPair('Ed25519')
    const peer = peerIdFromPrivateKey(key)
    made.push({ key, id: peer.toString(), multihash: peer.toMultihash().bytes })
  }
  return made
}

/** What everybody says at that number of theirs. */
export async function seal(of: readonly Signer[], seq: number): Promise<Sealed[]> {
  const sealed: Sealed[] = []
  for (const signer of of) {
    // what hubs send meanwhile is read
    if (sealed.length % 64 === 0) await setImmediate()
    const envelope = await sealPeerRecord(signer.key, { seq, addresses: ADDRESSES, summary: SUMMARY })
    sealed.push({ signer, envelope })
  }
  return sealed
}

/** A home's: two addresses of its own, and those of three transports at each of two hubs. */
const ADDRESSES: readonly Multiaddr[] = [
  '/ip4/198.51.100.7/udp/40001/quic-v1',
  '/ip4/198.51.100.7/tcp/40001',
  ...[
    ['203.0.113.1', '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'],
    ['203.0.113.2', '12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p']
  ].flatMap(([ip, hub]) =>
    ['udp/4001/quic-v1', 'tcp/4001', 'tcp/8080/ws'].map(way => `/ip4/${ip}/${way}/p2p/${hub}/p2p-circuit`)
  )
].map(text => multiaddr(text))

const HOME: TransportSummary = {
  ok: true,
  translated: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  allocation: 'preserving',
  step: null,
  hairpin: false
}
const NONE: TransportSummary = {
  ok: false,
  translated: null,
  mapping: null,
  filtering: null,
  allocation: null,
  step: null,
  hairpin: null
}

const SUMMARY: NetworkSummary = {
  udp4: HOME,
  udp6: NONE,
  tcp4: HOME,
  tcp6: NONE,
  publicAddresses: ['198.51.100.7'],
  mapped: false,
  reachability: 'private',
  uplinks: 1
}
