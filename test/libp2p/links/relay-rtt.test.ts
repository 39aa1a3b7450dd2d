import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { carriedBy } from '../../../src/libp2p/links/outbound.ts'
import { RelayPipe } from '../../../src/libp2p/links/pipe.ts'

const HUB = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const toHub = (rtt?: number) => {
  const remoteAddr = multiaddr('/ip4/192.0.2.1/udp/4001/quic-v1')
  return { remotePeer: HUB, remoteAddr, rtt } as unknown as Connection
}

async function pipeOver(relay: Connection): Promise<RelayPipe> {
  const [stream] = await streamPair()
  return new RelayPipe(stream, { ...carriedBy(relay), clock: new VirtualClock(), expect: [] })
}

test('of several connections to a relay, a pipe has the round trip of its own', async () => {
  const pipes = await Promise.all([toHub(200), toHub(20)].map(pipeOver))
  assert.deepEqual(
    pipes.map(({ relay, relayRttMs }) => [relay, relayRttMs]),
    [
      [HUB.toString(), 200],
      [HUB.toString(), 20]
    ]
  )
})

test('it is known when it has been measured', async () => {
  const relay = toHub()
  const pipe = await pipeOver(relay)
  assert.equal(pipe.relayRttMs, undefined)
  relay.rtt = 30
  assert.equal(pipe.relayRttMs, 30)
})
