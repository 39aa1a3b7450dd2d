import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { openStore } from '../../src/hub/store/open.ts'
import type { RecordStore } from '../../src/hub/store/store.ts'
import { explanationIn, explanationText } from '../../src/index.ts'
import { sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import { createNode, type Node, type NodeOptions } from '../../src/node/node.ts'
import type { LookupOutcome } from '../../src/traversal/explain/lookups.ts'
import { ECHO, pump } from '../libp2p/links/stage.ts'
import { type Lie, type RendezvousHub, type RendezvousHubInit, rendezvousHub } from './rendezvous-hub.ts'

function theatre(t: TestContext) {
  const stops: (() => Promise<void>)[] = []
  // timers and sockets of ours do not: a test that waits in vain is to say where
  const alive = setInterval(() => {}, 1_000)
  t.after(async () => {
    clearInterval(alive)
    for (const stop of stops.reverse()) await stop()
  })
  return {
    async store(): Promise<RecordStore> {
      const store = await openStore('memory:', '')
      stops.push(() => store.stop())
      return store
    },
    async hub(init: RendezvousHubInit): Promise<RendezvousHub> {
      const hub = await rendezvousHub(init)
      stops.push(() => hub.stop())
      return hub
    },
    async node(hubs: readonly RendezvousHub[], options: Partial<NodeOptions> = {}): Promise<Node> {
      const node = await createNode({ hubs: hubs.map(({ addrs }) => addrs[0]!), allowPrivate: true, ...options })
      stops.push(() => node.stop())
      return node
    }
  }
}

/** @returns the record that is kept */
async function registered(store: RecordStore, { id }: Node): Promise<Uint8Array> {
  for (const endMs = performance.now() + 10_000; performance.now() < endMs; await new Promise(setImmediate)) {
    const record = await store.get(id, Date.now())
    if (record != null) return record.envelope
  }
  throw new Error('it has not registered')
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!isSo()) {
    assert.ok(performance.now() < endMs, `never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const mallory = await generateKeyPair('Ed25519')
const elsewhere = [multiaddr('/ip4/127.0.0.1/udp/9/quic-v1')]

/** What a hostile hub says of alice, who has signed `record`; and before that, of another name that she had, `old`. */
const LIES: ReadonlyArray<
  readonly [what: string, outcome: LookupOutcome, lie: (record: Uint8Array, old: Uint8Array) => ReturnType<Lie>]
> = [
  ['an old record', 'old', (_, old) => ({ status: 'OK', envelope: old })],
  ['a forged record', 'forged', record => ({ status: 'OK', envelope: record.with(-1, record.at(-1)! ^ 1) })],
  ['garbage for a record', 'garbage', () => ({ status: 'OK', envelope: Uint8Array.of(1, 2, 3) })],
  ['garbage for an answer', 'garbage', () => Uint8Array.of(5, 255, 255, 255, 255, 255)],
  ['nothing', 'none', () => ({ status: 'NOT_FOUND' })],
  ['that its store is away', 'unavailable', () => ({ status: 'UNAVAILABLE' })],
  ['silence', 'silent', () => undefined]
]
const TOLD: ReadonlySet<LookupOutcome> = new Set(['old', 'forged', 'wrong-peer', 'garbage'])

describe('alice is at one hub, and bob knows a hostile one and another one of her fleet; the hostile one answers with', {
  concurrency: 4
}, () => {
  for (const [what, outcome, lieOf] of [...LIES, ["another peer's record", 'wrong-peer', undefined] as const]) {
    it(`${what}: bob connects, and knows that`, { timeout: 30_000 }, async t => {
      const { store: newStore, hub, node } = theatre(t)
      const store = await newStore()
      let lie: Lie = () => assert.fail('nothing has been asked yet')
      const [hers, his, hostile] = await Promise.all([hub({ store }), hub({ store }), hub({ lie: () => lie() })])
      const key = await generateKeyPair('Ed25519')
      const old = await sealPeerRecord(key, { seq: 1, addresses: elsewhere })
      const others = await sealPeerRecord(mallory, { seq: Date.now(), addresses: elsewhere })
      const alice = await node([hers], { key })
      const record = await registered(store, alice)
      lie = () => (lieOf == null ? { status: 'OK', envelope: others } : lieOf(record, old))
      const bob = await node([hostile, his])
      const peers: string[] = []
      bob.events.on('link', ({ peer }) => peers.push(peer))

      const link = await bob.connect(alice.id, { signal: AbortSignal.timeout(10_000) })
      assert.equal(link.peer, alice.id)
      // a hub that has time is listened to when everything is done
      await until('both hubs have been heard', () => link.explain().lookups.length === 2)
      const { lookups } = link.explain()
      assert.deepEqual(
        new Map(lookups.map(finding => [finding.hub, finding.outcome])),
        new Map([
          [hostile.id, outcome],
          [his.id, 'found']
        ])
      )
      const text = explanationText(link.explain())
      assert.equal(text.includes(`the hub ${hostile.id} answered with`), TOLD.has(outcome), text)
      assert.ok(!text.includes(his.id), text)
      // he has been at her hub, which is no peer of his for that
      assert.deepEqual(peers, [alice.id])
    })
  }
})

it('when all hubs lie the peer is offline, and each of them is named', { timeout: 60_000 }, async t => {
  const { store: newStore, hub, node } = theatre(t)
  const store = await newStore()
  const hers = await hub({ store })
  const alice = await node([hers])
  const record = await registered(store, alice)
  const others = await sealPeerRecord(mallory, { seq: Date.now(), addresses: elsewhere })
  const liars = await Promise.all([
    hub({ lie: () => ({ status: 'OK', envelope: record.with(-1, record.at(-1)! ^ 1) }) }),
    hub({ lie: () => ({ status: 'OK', envelope: others }) })
  ])
  const bob = await node(liars)
  const error = await bob.connect(alice.id).then(
    () => assert.fail('they are connected'),
    error => error
  )
  assert.equal(error.code, 'PEER_OFFLINE')
  for (const { id } of liars)
    assert.ok(error.message.includes(`the hub ${id} answered with a record that`), error.message)
  assert.deepEqual(
    new Set(explanationIn(error)!.lookups.map(({ hub, outcome }) => `${hub} ${outcome}`)),
    new Set([`${liars[0]!.id} forged`, `${liars[1]!.id} wrong-peer`])
  )
})

it('a peer whose hub is gone is dialled at its own address', { timeout: 60_000 }, async t => {
  const { store: newStore, hub, node } = theatre(t)
  const store = await newStore()
  const [hers, his] = await Promise.all([hub({ store }), hub({ store })])
  const alice = await node([hers])
  const bob = await node([his])
  await registered(store, alice)
  await hers.crash()
  const link = await bob.connect(alice.id)
  assert.equal(link.path?.kind, 'direct')
})

it('a link over a hub that is not ours goes on when the connection to that is lost', { timeout: 60_000 }, async t => {
  const { store: newStore, hub, node } = theatre(t)
  const store = await newStore()
  const [hers, his] = await Promise.all([hub({ store }), hub({ store })])
  const alice = await node([hers], { techniques: [] })
  await alice.handle(ECHO, async stream => {
    for await (const chunk of stream) stream.send(chunk)
  })
  await registered(store, alice)
  const bob = await node([his], { techniques: [] })
  const link = await bob.connect(alice.id)
  let closed = false
  link.events.on('close', () => {
    closed = true
  })
  let isBack = false
  let rounds = 0
  const pumping = pump(link, () => ++rounds > 0 && isBack)
  await until('bytes go there and back', () => rounds > 2)
  await hers.drop(bob.id)
  // nothing is on its way any more
  await until('the link is cut off', () => link.paths.length === 0)
  const before = rounds
  await until('bytes go there and back again', () => rounds > before + 2)
  isBack = true
  await pumping
  assert.equal(closed, false)
})
