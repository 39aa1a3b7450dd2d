import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PrivateKey, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { seededRandom } from '../../../src/core/random.ts'
import { type Hub, startHub } from '../../../src/hub/index.ts'
import { openHop } from '../../../src/libp2p/circuit/hop.ts'
import { encodeFrame } from '../../../src/libp2p/frames.ts'
import { helloFrame } from '../../../src/libp2p/links/hello.ts'
import { makeAttach, makeOffer } from '../../../src/libp2p/links/offer.ts'
import { multistreamLines } from '../../../src/libp2p/optimistic.ts'
import { hopCodec } from '../../../src/wire/circuit.ts'
import { frame } from '../../../src/wire/datagrams.ts'
import { LINK_PROTOCOL } from '../../../src/wire/link.ts'
import { PATH_PROTOCOL, pathMessageCodec } from '../../../src/wire/path.ts'
import { until } from '../dcutr/fixture.ts'
import { BadRelay } from './bad-relay.ts'
import { type Bare, bare, echo } from './bare.ts'

async function two(t: TestContext): Promise<{ readonly hub: Hub; readonly alice: Bare; readonly bob: Bare }> {
  const hub = await startHub({ hosts: ['127.0.0.1'], port: 0, httpPort: 0, stunPort: 0 })
  const [alice, bob] = await Promise.all([bare([hub]), bare([hub])])
  t.after(async () => {
    await Promise.all([alice.libp2p.stop(), bob.libp2p.stop()])
    await hub.stop()
  })
  await Promise.all([alice.reserve(), bob.reserve()])
  return { hub, alice, bob }
}

/** A stream of bob's to alice, over the hub, on which these bytes come behind the protocol's name. */
async function raw(bob: Bare, alice: Bare, ...frames: readonly Uint8Array[]): Promise<Stream> {
  const [hub] = bob.libp2p.getConnections()
  const stream = await openHop(hub!, {})
  const connect = hopCodec.encode({ type: 'CONNECT', peer: { id: alice.id.toMultihash().bytes, addrs: [] } })
  stream.send(Buffer.concat([encodeFrame(connect), multistreamLines(LINK_PROTOCOL), ...frames]))
  // whoever does not listen does not hear of the end
  stream.addEventListener('message', () => {})
  return stream
}

function keyOf({ libp2p }: Bare): PrivateKey {
  return (libp2p as unknown as { readonly components: { readonly privateKey: PrivateKey } }).components.privateKey
}

const ended = (streams: readonly Stream[]) =>
  streams.filter(({ status, remoteWriteStatus }) => status !== 'open' || remoteWriteStatus === 'closed').length

describe('a peer that offers no link', () => {
  it('leaves nothing, and is told nothing', async t => {
    const { alice, bob } = await two(t)
    const { envelope } = await makeOffer(keyOf(bob), alice.id, { candidates: [] })
    const stranger = await generateKeyPair('Ed25519')
    const wrong = await makeOffer(stranger, alice.id, { candidates: [] })
    const forAnother = await makeOffer(keyOf(bob), peerIdFromPrivateKey(stranger), { candidates: [] })
    const forged = Uint8Array.from(envelope, (byte, at) => (at === envelope.length - 1 ? byte ^ 1 : byte))
    const hellos = [
      frame(Uint8Array.of(0xff, 0xff, 0xff)),
      Uint8Array.of(0, 0),
      Uint8Array.of(0xff, 0xff),
      helloFrame({ type: 'OFFER', envelope: new Uint8Array(0) }),
      helloFrame({ type: 'OFFER', envelope: new Uint8Array(1_000).fill(7) }),
      helloFrame({ type: 'OFFER', envelope: wrong.envelope }),
      helloFrame({ type: 'OFFER', envelope: forAnother.envelope }),
      helloFrame({ type: 'OFFER', envelope: forged }),
      helloFrame({ type: 'ATTACH', attach: { link: new Uint8Array(8), number: 1, mac: new Uint8Array(32) } })
    ]
    const streams: Stream[] = []
    for (const hello of hellos) streams.push(await raw(bob, alice, hello))
    await until('alice has hung up', () => ended(streams) === hellos.length)
    const { links, pipes, flows } = await alice.left()
    assert.deepEqual({ links, pipes, flows }, { links: 0, pipes: 0, flows: 1 })
  })

  it('keeps nobody else out, however many streams it leaves silent', async t => {
    const { alice, bob, hub } = await two(t)
    const carol = await bare([hub])
    t.after(() => carol.libp2p.stop())
    await carol.reserve()
    const silent: Stream[] = []
    for (let i = 0; i < 100; i++) silent.push(await raw(bob, alice))
    await until('all but eight are refused', () => ended(silent) === 92)
    const connection = await carol.dial(alice.id)
    assert.equal(connection.multiplexer, LINK_PROTOCOL)
    await echo(connection)
    for (const stream of silent) stream.abort(new Error('the test has seen enough'))
  })
})

describe('a peer with a link', () => {
  it('attaches as many pipes as there is room for, and no more', async t => {
    const { alice, bob } = await two(t)
    const connection = await bob.dial(alice.id)
    const { keys } = bob.links.of(connection)!
    const streams: Stream[] = []
    const attach = (number: number) =>
      raw(bob, alice, helloFrame({ type: 'ATTACH', attach: makeAttach(keys!, number) }))
    for (let number = 1; number <= 40; number++) streams.push(await attach(number))
    await until('the others are refused', () => ended(streams) >= 33)
    assert.ok((await alice.left()).pipes <= 8)
    // a number that has been
    const replayed = await attach(7)
    await until('the replay is refused', () => ended([replayed]) === 1)
    await echo(connection)
    await connection.close()
    await until('alice has heard of it', () => alice.links.all().length === 0)
    await until('all pipes are gone with it', () => ended(streams) === 40)
  })

  it('may open one path stream after the other, and fill them: the link lives, and so does everybody else', async t => {
    const { alice, bob } = await two(t)
    const connection = await bob.dial(alice.id)
    await echo(connection)
    let sent = 0
    for (let i = 0; i < 200; i++) {
      const stream = await connection.newStream(PATH_PROTOCOL, { maxOutboundStreams: 1_000 }).catch(() => undefined)
      for (let seq = 1; stream?.status === 'open' && seq <= 500; seq++, sent++) {
        const candidates = [
          { kind: 'host', transport: 'udp', address: `192.0.2.${seq % 250}`, port: 1 + (seq % 1_000) } as const
        ]
        stream.send(encodeFrame(pathMessageCodec.encode({ type: 'CANDIDATES', seq: i * 500 + seq, candidates })))
      }
      if (i % 20 === 0) await echo(connection)
    }
    assert.ok(sent > 1_000, `only ${sent} could be sent`)
    const [theirs] = alice.links.all()
    assert.ok(theirs != null && theirs.paths().length <= 2)
    assert.ok(theirs.connection!.streams.filter(({ protocol }) => protocol === PATH_PROTOCOL).length <= 2)
    await echo(connection)
  })
})

describe('a relay', () => {
  const random = seededRandom(5)
  const held: Uint8Array[] = []
  const over = async (t: TestContext, relay: BadRelay) => {
    const [alice, bob] = await Promise.all([bare([relay]), bare([relay])])
    t.after(() => Promise.all([alice.libp2p.stop(), bob.libp2p.stop()]))
    await Promise.all([alice.reserve(), bob.reserve()])
    return { alice, bob }
  }
  const lives = {
    'that doubles everything': d => [d, d],
    'that drops one frame in ten': (d, n) => (n > 0 && random.int(0, 9) === 0 ? [] : [d]),
    'that turns two frames around': (d, n) => {
      if (n < 20 || random.int(0, 3) > 0) return [d, ...held.splice(0)]
      held.push(d)
      return []
    },
    'that changes one frame in ten': (d, n) => {
      if (n === 0 || random.int(0, 9) > 0) return [d]
      const changed = Uint8Array.from(d)
      changed[random.int(0, d.length - 1)]! ^= 1 + random.int(0, 254)
      return [changed]
    },
    'that sends every hello again and again among the datagrams': (() => {
      let hello: Uint8Array
      return (d, n) => {
        if (n === 0) hello = d
        return n > 0 && n % 5 === 0 ? [d, hello] : [d]
      }
    })()
  } satisfies Record<string, BadRelay['mischief']>
  for (const [what, mischief] of Object.entries(lives)) {
    it(`${what}: the link lives`, async t => {
      await using relay = await BadRelay.open()
      relay.mischief = mischief
      const { alice, bob } = await over(t, relay)
      const connection = await bob.dial(alice.id, relay)
      assert.equal(connection.multiplexer, LINK_PROTOCOL)
      for (let i = 0; i < 10; i++) await echo(connection)
    })
  }

  it('that plays an offer again: it is known, and takes no place', async t => {
    await using relay = await BadRelay.open()
    let hello: Uint8Array | undefined
    relay.mischief = (d, n) => {
      if (n === 0) hello ??= d
      return [d]
    }
    const { alice, bob } = await over(t, relay)
    const connection = await bob.dial(alice.id, relay)
    await echo(connection)
    const { pipes, flows } = await alice.left()
    const again: Stream[] = []
    for (let i = 0; i < 20; i++) again.push(await relay.bring(alice.id, bob.id, frame(hello!)))
    await until('alice has hung up on all of them', () => ended(again) === again.length)
    const left = await alice.left()
    assert.deepEqual([left.links, left.pipes, left.flows], [1, pipes, flows])
    await echo(connection)
  })

  it('that opens links in the name of a peer: it is reached by another relay all the same', async t => {
    await using relay = await BadRelay.open()
    const hub = await startHub({ hosts: ['127.0.0.1'], port: 0, httpPort: 0, stunPort: 0 })
    t.after(() => hub.stop())
    const [alice, bob] = await Promise.all([bare([relay, hub]), bare([hub])])
    t.after(() => Promise.all([alice.libp2p.stop(), bob.libp2p.stop()]))
    await Promise.all([alice.reserve(), bob.reserve()])
    await until('alice is at the hub', () =>
      alice.libp2p.getMultiaddrs().some(at => `${at}`.includes(`${hub.id}/p2p-circuit`))
    )
    const brought: Stream[] = []
    for (let i = 0; i < 40; i++) {
      // as bob has made them for dials that the relay has carried, and broken
      const { envelope } = await makeOffer(keyOf(bob), alice.id, { candidates: [] })
      const frames = i % 2 === 0 ? [helloFrame({ type: 'OFFER', envelope })] : []
      brought.push(await relay.bring(alice.id, bob.id, ...frames))
    }
    await until('all but eight are refused', () => ended(brought) === 32)
    const links = []
    for (let i = 0; i < 8; i++) links.push(await bob.dial(alice.id, hub))
    for (const link of links) {
      assert.equal(link.multiplexer, LINK_PROTOCOL)
      await echo(link)
    }
    await assert.rejects(bob.dial(alice.id, hub))
    for (const stream of brought) stream.abort(new Error('the test has seen enough'))
  })

  it('that changes an offer: no link', async t => {
    await using relay = await BadRelay.open()
    relay.mischief = (d, n) => [n === 0 ? Uint8Array.from(d, (byte, at) => (at === 60 ? byte ^ 1 : byte)) : d]
    const { alice, bob } = await over(t, relay)
    await assert.rejects(bob.dial(alice.id, relay, AbortSignal.timeout(2_000)))
    assert.deepEqual([alice.links.all(), bob.links.all()], [[], []])
  })

  it('that breaks the frames of a link that lives: the pipe ends, and all that hung on it', async t => {
    await using relay = await BadRelay.open()
    const { alice, bob } = await over(t, relay)
    const connection: Connection = await bob.dial(alice.id, relay)
    await echo(connection)
    const session = bob.links.of(connection)!
    assert.equal(session.relays.length, 1)
    relay.mischief = () => [{ raw: Uint8Array.of(0, 0) }]
    const lost = new Promise<void>(resolve => session.events.on('want-relay', () => resolve()))
    await echo(connection, AbortSignal.timeout(1_000)).catch(() => {})
    await lost
    assert.equal(connection.status, 'open')
    // it is attached anew, by the same relay, which has come to its senses
    relay.mischief = d => [d]
    await echo(connection, AbortSignal.timeout(15_000))
  })
})
