import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { Events } from '../../../src/core/events.ts'
import type { LinksContext } from '../../../src/libp2p/links/context.ts'
import { Relaying } from '../../../src/libp2p/links/relaying.ts'
import type { LinkSession, SessionEvents } from '../../../src/libp2p/links/session.ts'

const HUB = multiaddr('/ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3KooWJWEKvSFbben74C7H4YtKjhPMTDxd7gP7zxWSUEeF27st')

/** A link of the side that decides, and a hub that nobody gets to. */
function stage() {
  const clock = new VirtualClock()
  const events = new Events<SessionEvents>()
  const tries: number[] = []
  // what it looks at before it asks for a connection to a relay
  const context = { clock, log: () => {}, relays: () => [HUB] } as unknown as LinksContext
  const session = { events, role: 'controlling', relays: [], keys: {}, over: false } as unknown as LinkSession
  const refuse = () => {
    tries.push(clock.now())
    return Promise.reject(new Error('nobody is there'))
  }
  const relaying = new Relaying(context, session, refuse, new AbortController().signal)
  return { clock, events, tries, relaying }
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
