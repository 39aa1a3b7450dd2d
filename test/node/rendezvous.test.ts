import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { createLibp2p } from 'libp2p'
import { Events } from '../../src/core/events.ts'
import { accessOf } from '../../src/hub/access/index.ts'
import { startRegistry } from '../../src/hub/records/index.ts'
import { type ReservationEvents, relayService } from '../../src/hub/relay/index.ts'
import { rendezvousService } from '../../src/hub/rendezvous/index.ts'
import { openStore } from '../../src/hub/store/open.ts'
import type { RecordStore } from '../../src/hub/store/store.ts'
import { openPeerRecord } from '../../src/libp2p/peer-record.ts'
import { quic } from '../../src/libp2p/quic/index.ts'
import { tcp } from '../../src/libp2p/tcp/index.ts'
import { yamux } from '../../src/libp2p/yamux.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import { bench } from '../cli/beeline.ts'

const SOON_MS = 5_000

interface HubRules {
  /** @default one of its own */
  readonly store?: RecordStore
  /** @default true */
  readonly keepsRecords?: boolean
  /** Over which it is reached. @default 'quic' */
  readonly by?: 'quic' | 'tcp'
}

interface TestHub {
  readonly id: string
  readonly address: string
  /** What it has of a peer: its addresses, `left`, or nothing. */
  known(peer: string): Promise<readonly string[] | undefined>
  /** How many that peer has to it. */
  connections(peer: string): number
  stop(): Promise<void>
}

/** Hubs and nodes on loopback, stopped at the end. */
class Stage implements AsyncDisposable {
  readonly #stops: (() => Promise<unknown>)[] = []

  async hub({ store: shared, keepsRecords = true, by = 'quic' }: HubRules = {}): Promise<TestHub> {
    const store = shared ?? (await openStore('memory:', ''))
    const reservations = new Events<ReservationEvents>()
    const access = accessOf()
    const privateKey = await generateKeyPair('Ed25519')
    const id = peerIdFromPrivateKey(privateKey).toString()
    const records = startRegistry({ store, hub: id, reservations, limits: { graceMs: 200 } })
    const libp2p = await createLibp2p({
      privateKey,
      addresses: { listen: [by === 'quic' ? '/ip4/127.0.0.1/udp/0/quic-v1' : '/ip4/127.0.0.1/tcp/0'] },
      transports: [quic(), tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionManager: { inboundConnectionThreshold: 1_000 },
      services: {
        identify: identify(),
        relay: relayService({ access, events: reservations }),
        ...(keepsRecords ? { rendezvous: rendezvousService({ records, access }) } : {})
      }
    })
    const stop = async () => {
      await libp2p.stop()
      records.stop()
    }
    this.#stops.push(stop, async () => shared ?? (await store.stop()))
    const address = String(libp2p.getMultiaddrs()[0])
    const known = async (peer: string) => {
      const record = await store.get(peer, Date.now())
      if (record == null) return undefined
      const { left, addresses } = await openPeerRecord(record.envelope, peerIdFromString(peer))
      return left ? ['left'] : addresses.map(String)
    }
    const connections = (peer: string) => libp2p.getConnections(peerIdFromString(peer)).length
    return { id, address, known, connections, stop }
  }

  async node(...hubs: readonly TestHub[]): Promise<Node> {
    const node = await createNode({ hubs: hubs.map(({ address }) => address), allowPrivate: true })
    this.#stops.push(() => node.stop())
    return node
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop()
  }
}

/** Waits for a state that comes about by itself. */
async function until<T>(look: () => Promise<T | undefined> | T | undefined, what: string): Promise<T> {
  for (const endMs = Date.now() + SOON_MS; Date.now() < endMs; ) {
    const found = await look()
    if (found != null && found !== false) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new assert.AssertionError({ message: `within ${SOON_MS} ms: ${what}` })
}

describe('a node at its hubs', () => {
  it('has its record at all of them while it is there, and nowhere as soon as it stops', async () => {
    await using stage = new Stage()
    const hubs = [await stage.hub(), await stage.hub()]
    const node = await stage.node(...hubs)
    for (const { known, id } of hubs) {
      const addresses = await until(() => known(node.id), 'a record')
      assert.ok(
        addresses.some(each => each.endsWith(`/p2p/${id}/p2p-circuit`)),
        addresses.join()
      )
    }
    await node.stop()
    for (const { known } of hubs) assert.equal(await known(node.id), undefined)
  })

  it('leaves the hub of a peer that it has visited when the link has ended', async () => {
    await using stage = new Stage()
    const store = await openStore('memory:', '')
    const [hers, his] = [await stage.hub({ store }), await stage.hub({ store })]
    const alice = await stage.node(hers)
    const bob = await stage.node(his)
    await until(() => hers.known(alice.id), 'a record')
    const link = await bob.connect(alice.id)
    assert.notEqual(hers.connections(bob.id), 0)
    await link.close()
    await until(() => hers.connections(bob.id) === 0 || undefined, 'bob has left')
    assert.notEqual(his.connections(bob.id), 0)
    await store.stop()
  })

  it('tells when a hub keeps its record, and when one does not', async () => {
    await using stage = new Stage()
    const good = await stage.hub()
    const bad = await stage.hub({ keepsRecords: false })
    const told = new Map<string, boolean>()
    const node = await stage.node(good, bad)
    node.events.on('registered', ({ hub, ok }) => told.set(hub, ok))
    await until(() => told.size === 2 || undefined, 'both are told')
    assert.deepEqual(
      told,
      new Map([
        [good.id, true],
        [bad.id, false]
      ])
    )
  })

  it('tells when a hub that had its record is lost', async () => {
    await using stage = new Stage()
    const [stays, goes] = [await stage.hub(), await stage.hub()]
    const node = await stage.node(stays, goes)
    const told: string[] = []
    node.events.on('registered', ({ hub, ok }) => told.push(`${hub} ${ok}`))
    await until(() => node.registered.filter(({ ok }) => ok).length === 2 || undefined, 'both have it')
    await goes.stop()
    await until(() => told.includes(`${goes.id} false`) || undefined, 'one is lost')
    assert.ok(!told.includes(`${stays.id} false`))
    assert.deepEqual(
      node.registered.map(({ hub }) => hub),
      [stays.id]
    )
  })

  it('has a new record when its addresses change', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const other = await stage.hub()
    const node = await stage.node(hub, other)
    const isAtOther = (addresses: readonly string[]) => addresses.some(each => each.includes(other.id))
    await until(async () => isAtOther((await hub.known(node.id)) ?? []) || undefined, 'a record with both hubs')
    await other.stop()
    await until(async () => !isAtOther((await hub.known(node.id)) ?? [other.id]) || undefined, 'one without the other')
  })

  it('is forgotten a grace after it was killed', async t => {
    await using stage = new Stage()
    // by TCP the hub hears at once that the program is no more; by QUIC 15 s later
    const hub = await stage.hub({ by: 'tcp' })
    const { up } = await bench(t)
    const { program, id } = await up(hub.address, '--allow-private')
    assert.deepEqual(await program.event(({ event }) => event === 'registered'), {
      event: 'registered',
      hub: hub.id,
      ok: true
    })
    assert.notEqual(await hub.known(id), undefined)
    program.child.kill('SIGKILL')
    await until(async () => (await hub.known(id)) == null || undefined, 'no record')
  })
})

describe('a node that is called', () => {
  it('connects to the caller, by the hubs of its record, once', async () => {
    await using stage = new Stage()
    const store = await openStore('memory:', '')
    const own = await stage.hub({ store })
    const foreign = await stage.hub({ store })
    const callee = await stage.node(own)
    const caller = await stage.node(foreign)
    const calls: string[] = []
    callee.events.on('called', ({ peer }) => calls.push(peer))
    const come = new Promise(resolve => caller.events.on('link', link => resolve(link.peer)))
    await until(() => own.known(callee.id), 'a record of the callee')
    await until(() => foreign.known(caller.id), 'a record of the caller')
    const { envelope } = (await store.get(caller.id, Date.now()))!
    await store.call(callee.id, envelope)
    assert.equal(await come, callee.id)
    assert.deepEqual(calls, [caller.id])
    // what is no record, and the record of nobody's peer
    await store.call(callee.id, Uint8Array.of(1, 2, 3))
    await store.call(callee.id, envelope)
    await until(() => calls.length === 2 || undefined, 'the second call')
    await store.stop()
  })
})

describe('a peer that is watched', () => {
  it('comes and goes', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const watcher = await stage.node(hub)
    const peer = await stage.node(hub)
    const heard: string[] = []
    const watch = watcher.watch(peer.id)
    watch.events.on('change', ({ addrs }) => {
      assert.ok(addrs.every(each => each.endsWith(`/p2p/${peer.id}`)))
      heard.push('change')
    })
    watch.events.on('gone', () => heard.push('gone'))
    await until(() => heard.includes('change') || undefined, 'it has come')
    await peer.stop()
    await until(() => heard.includes('gone') || undefined, 'it has gone')
    watch.stop()
  })
})
