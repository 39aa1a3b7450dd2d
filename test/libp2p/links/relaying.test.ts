import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Events } from '../../../src/core/events.ts'
import { encodeFrame } from '../../../src/libp2p/frames.ts'
import type { LinksContext } from '../../../src/libp2p/links/context.ts'
import { Relaying } from '../../../src/libp2p/links/relaying.ts'
import type { LinkSession, SessionEvents } from '../../../src/libp2p/links/session.ts'
import { hopCodec } from '../../../src/wire/circuit.ts'

const HUB = multiaddr('/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWSUEeF27st')

const PEER: PeerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const KEYS = { id: '00'.repeat(8), attach: { mine: new Uint8Array(32), theirs: new Uint8Array(32) } }

/** Joins us to the other side, which hangs up at once. */
async function hungUp(): Promise<Connection> {
  const [near, far] = await streamPair()
  far.send(encodeFrame(hopCodec.encode({ type: 'STATUS', status: 'OK' })))
  await far.close()
  return { newStream: async () => near, remotePeer: PEER, remoteAddr: HUB } as unknown as Connection
}

/** A link of the side that decides, and a hub that nobody gets to, if nothing else is said. */
function stage({ connect = () => Promise.reject<Connection>(new Error('nobody is there')), isCutOff = true } = {}) {
  const clock = new VirtualClock()
  const events = new Events<SessionEvents>()
  const tries: number[] = []
  // what it looks at before it asks for a connection to a relay
  const context = { clock, log: () => {}, relays: () => [HUB], tokenFor: () => undefined } as unknown as LinksContext
  const ends: string[] = []
  const link = {
    peer: PEER,
    keys: KEYS,
    attached: { mine: 0, theirs: 0 },
    isCutOff,
    end: (why: string) => ends.push(why)
  }
  const session = { events, role: 'controlling', relays: [], over: false, ...link } as unknown as LinkSession
  const connecting = () => {
    tries.push(clock.now())
    return connect()
  }
  const relaying = new Relaying(context, session, connecting, new AbortController().signal)
  /** The agent asks for a relay. What comes over the streams needs some turns of the event loop. */
  const ask = async (afterMs: number) => {
    await clock.advance(afterMs)
    events.emit('want-relay', undefined)
    for (let i = 0; i < 20; i++) await clock.advance(1)
  }
  return { clock, events, tries, relaying, ends, ask }
}

test('a hub that is back is asked at once, also when the last attempt has failed by then', async () => {
  const { clock, events, tries, relaying } = stage()
  events.emit('want-relay', undefined)
  await clock.advance(100)
  assert.deepEqual(tries, [0])
  relaying.hubBack()
  await clock.advance(100)
  assert.deepEqual(tries, [0, 100])
})

test('a hub that is back is not asked by a link that has what it needs', async () => {
  const { clock, tries, relaying } = stage()
  relaying.hubBack()
  await clock.advance(10_000)
  assert.deepEqual(tries, [])
})

test('a peer that hangs up whenever it is asked, for five seconds, has forgotten the link', async () => {
  const { ask, ends, tries } = stage({ connect: hungUp })
  for (const afterMs of [0, 1_000, 2_000]) await ask(afterMs)
  assert.deepEqual(ends, [], 'three times, but it is too soon')
  await ask(3_000)
  assert.equal(tries.length, 4)
  assert.match(ends.join(), /^the other side knows this link no longer/)
})

test('nor is that believed of a link that has a path', async () => {
  const { ask, ends, tries } = stage({ connect: hungUp, isCutOff: false })
  for (const afterMs of [0, 3_000, 3_000, 3_000]) await ask(afterMs)
  assert.equal(tries.length, 4)
  assert.deepEqual(ends, [])
})
