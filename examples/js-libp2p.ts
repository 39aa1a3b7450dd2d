// A js-libp2p node that is reachable by a hub, or by any circuit relay, and punches: its own services stay as they are.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { multiaddr } from '@multiformats/multiaddr'
import { circuitRelay, dcutr, quic, tcp } from 'beeline/libp2p'
import { createLibp2p } from 'libp2p'

const [hub = '', peer] = process.argv.slice(2)
const libp2p = await createLibp2p({
  addresses: { listen: ['/ip4/0.0.0.0/udp/0/quic-v1', `${hub}/p2p-circuit`] },
  transports: [quic(), tcp(), circuitRelay()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping(), dcutr: dcutr() }
})
console.log(`I am ${libp2p.peerId}`)

if (peer != null) {
  const { remotePeer } = await libp2p.dial(multiaddr(`${hub}/p2p-circuit/p2p/${peer}`))
  const { outcome, attempts } = await libp2p.services.dcutr.upgrade(remotePeer)
  console.log(`${outcome}: ${attempts.map(({ technique, reason }) => `${technique} ${reason}`).join(', ')}`)
  console.log(`ping: ${await libp2p.services.ping.ping(remotePeer)} ms`)
  await libp2p.stop()
}
