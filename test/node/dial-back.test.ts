import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sleep, VirtualClock } from '../../src/core/clock.ts'
import { dialBack } from '../../src/node/dial-back.ts'
import { Dials } from '../../src/node/dials.ts'
import { OtherRelays } from '../../src/node/other-relays.ts'
import { peerId } from '../libp2p/rendezvous/fake-hub.ts'

const clock = new VirtualClock()
const [self, hub, caller] = [await peerId(), await peerId(), await peerId()]
const relays = await Promise.all(Array.from({ length: 5 }, () => peerId()))
const PORTS = [1, 2, 3, 4]
const [R1, R2] = relays.map(relay => `/ip4/9.9.9.9/udp/9/quic-v1/p2p/${relay}/p2p-circuit/p2p/${caller}`)
const HUB = multiaddr(`/ip4/5.5.5.5/udp/5/quic-v1/p2p/${hub}`)

/** As many as a record of a stranger may hold, those over TCP first. */
const ADDRESSES: readonly Multiaddr[] = [
  ...relays.flatMap(relay => [
    ...PORTS.map(port => `/ip4/9.9.9.9/tcp/${port}/p2p/${relay}/p2p-circuit`),
    `/ip4/9.9.9.9/udp/9/quic-v1/p2p/${relay}/p2p-circuit`
  ]),
  ...PORTS.map(port => `/ip4/8.8.8.8/tcp/${port}`),
  '/ip4/8.8.8.8/udp/8/quic-v1'
].map(text => multiaddr(text))

it('a caller has two relays dialled at one address each, our hubs, and one address of its own', async () => {
  const dialled: string[] = []
  const end = dialBack(
    {
      clock,
      hubs: [HUB],
      dials: new Dials(),
      otherRelays: new OtherRelays(),
      own: () => ({
        id: self,
        addresses: [],
        hubs: new Set([hub.toString()]),
        allowPrivate: false,
        isOnThisMachine: false
      }),
      transportManager: {
        async dial(address, { signal }: { signal?: AbortSignal } = {}) {
          dialled.push(address.toString())
          await sleep(clock, 1_000_000, signal)
          throw new Error('silence')
        }
      }
    },
    { peer: caller, seq: 1, issuedAtSeconds: 1, lifetimeSeconds: 3_600, left: false, addresses: ADDRESSES }
  )
  end.catch(() => {})
  for (let ms = 0; ms < 10_000; ms += 50) await clock.advance(50)
  await assert.rejects(end, { code: 'TIMEOUT' })
  assert.deepEqual(dialled, [R1, R2, `${HUB}/p2p-circuit/p2p/${caller}`, `/ip4/8.8.8.8/udp/8/quic-v1/p2p/${caller}`])
})
