import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../../src/core/errors.ts'
import type { RelayLimits } from '../../../src/hub/relay/limits.ts'
import type { Node } from '../../../src/node/node.ts'
import { type RelayRules, Stage, tcpOf } from './stage.ts'

const TOKEN = 'c2VjcmV0LXRva2Vu'
const SOMEBODY = '12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD'
const ECHO = '/test/echo/1.0.0'

async function echoes(from: Node, to: Node): Promise<string> {
  await to.handle(ECHO, async stream => {
    for await (const chunk of stream) stream.send(chunk)
    await stream.close()
  })
  const link = await from.connect(to.id, { signal: AbortSignal.timeout(10_000) })
  const stream = await link.openStream(ECHO)
  stream.send(new TextEncoder().encode('hello'))
  await stream.close()
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk.subarray())
  return Buffer.concat(chunks).toString()
}

/** A refusal by the hub, in words that say why, and without the token. */
const refusedWith = (reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof NatError, String(error))
  assert.equal(error.code, 'HUB_REFUSED', error.message)
  assert.match(error.message, reason)
  assert.doesNotMatch(error.message, new RegExp(TOKEN))
  return true
}

describe('a node at a hub that is not open to all', () => {
  const rows: ReadonlyArray<readonly [what: string, rules: RelayRules, token: string | undefined, reason: RegExp]> = [
    ['no token', { access: { tokens: [TOKEN] } }, undefined, /does not allow a reservation: .* give it with --token$/],
    ['a wrong token', { access: { tokens: [TOKEN] } }, 'another', /does not know that token/],
    ['not on the list', { access: { peers: [SOMEBODY] } }, TOKEN, /its list: ask whoever runs it/]
  ]
  for (const [what, rules, token, reason] of rows) {
    it(`${what}: it does not start, and says why`, async () => {
      await using stage = new Stage()
      const { address } = await stage.relay(rules)
      await assert.rejects(stage.node([token == null ? address : { address, token }]), refusedWith(reason))
    })
  }

  it('the right token: others reach it, and it reaches them', async () => {
    await using stage = new Stage()
    const { address, shown } = await stage.relay({ access: { tokens: ['other', TOKEN] } })
    const [alice, bob] = await Promise.all([
      stage.node([{ address, token: TOKEN }]),
      stage.node([{ address, token: TOKEN }])
    ])
    assert.equal(await echoes(alice, bob), 'hello')
    // two reservations and a connection
    assert.deepEqual(shown.slice(0, 3), [TOKEN, TOKEN, TOKEN])
  })

  it('a list of peers: who is on it needs no token', async () => {
    await using stage = new Stage()
    const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
    const peers = keys.map(key => peerIdFromPrivateKey(key).toString())
    const { address } = await stage.relay({ access: { peers } })
    const [alice, bob] = await Promise.all(keys.map(key => stage.node([address], { key })))
    assert.equal(await echoes(alice!, bob!), 'hello')
  })

  it('beside one that is open: the node is at the open one', async () => {
    await using stage = new Stage()
    const [open, closed] = [await stage.relay(), await stage.relay({ access: { tokens: [TOKEN] } })]
    const node = await stage.node([open.address, closed.address])
    assert.ok(node.addrs.some(each => each.includes(`/p2p/${open.id}/p2p-circuit`)))
    assert.ok(node.addrs.every(each => !each.includes(`/p2p/${closed.id}/p2p-circuit`)))
    assert.ok(closed.shown.every(each => each === undefined) && closed.shown.length > 0)
  })
})

describe('a token', () => {
  it('is shown to the hub that it is for, and to no other', async () => {
    await using stage = new Stage()
    const [hers, other] = [await stage.relay({ access: { tokens: [TOKEN] } }), await stage.relay()]
    const alice = await stage.node([{ address: hers.address, token: TOKEN }, other.address])
    const bob = await stage.node([other.address])
    const carol = await stage.node([{ address: hers.address, token: TOKEN }])
    assert.equal(await echoes(alice, bob), 'hello')
    assert.equal(await echoes(alice, carol), 'hello')
    assert.ok(hers.shown.includes(TOKEN))
    assert.ok(other.shown.length >= 3, 'two reservations and a connection')
    assert.ok(other.shown.every(each => each === undefined))
  })

  it('goes nowhere when another hub answers at the address', async () => {
    await using stage = new Stage()
    const impostor = await stage.relay()
    const address = impostor.address.replace(impostor.id, await newId())
    await assert.rejects(stage.node([{ address, token: TOKEN }], { signal: AbortSignal.timeout(3_000) }))
    assert.deepEqual(impostor.shown, [])
  })

  it('is asked for with a CONNECT too, of peers that have no reservation there', async () => {
    await using stage = new Stage()
    const relay = await stage.relay({ access: { tokens: [TOKEN] } })
    const bob = await stage.peer('ours', { at: relay, token: TOKEN })
    const over = multiaddr(`${tcpOf(relay)}/p2p-circuit/p2p/${bob.peerId}`)
    const [stranger, alice] = [await stage.peer('ours'), await stage.peer('ours', { token: TOKEN })]
    await assert.rejects(stranger.dial(over), error =>
      refusedWith(/does not allow a connection .* give it with --token/)(firstOf(error))
    )
    assert.equal((await alice.dial(over)).remotePeer.toString(), bob.peerId.toString())
  })
})

describe('peers of js-libp2p', () => {
  it('that are not on the list are refused with PERMISSION_DENIED; those that are may do what they like', async () => {
    await using stage = new Stage()
    const stranger = await stage.peer('stock')
    const rules = { access: { tokens: [TOKEN], peers: [await newId()] } }
    const closed = await stage.relay(rules)
    const over = multiaddr(`${tcpOf(closed)}/p2p-circuit/p2p/${await newId()}`)
    await assert.rejects(stranger.dial(over), error => {
      assert.match(String(firstOf(error).message), /PERMISSION_DENIED/)
      return true
    })
    const friendly = await stage.relay({ access: { peers: [stranger.peerId.toString()] } })
    // nobody has a reservation there: it was let in to be told so
    await assert.rejects(stranger.dial(multiaddr(`${tcpOf(friendly)}/p2p-circuit/p2p/${await newId()}`)), error => {
      assert.match(String(firstOf(error).message), /NO_RESERVATION/)
      return true
    })
  })
})

describe('limits', () => {
  const rows: ReadonlyArray<readonly [limits: Partial<RelayLimits>, reason: RegExp]> = [
    [{ maxReservations: 1 }, /refused a reservation: it keeps at most 1 at once; try later/],
    [{ maxReservationsFrom: 1 }, /refused a reservation: it keeps at most 1 at once for peers of one address/]
  ]
  for (const [limits, reason] of rows) {
    it(`${Object.keys(limits)}: who comes too late is told which`, async () => {
      await using stage = new Stage()
      const { address } = await stage.relay({ limits })
      await stage.node([address])
      await assert.rejects(stage.node([address]), refusedWith(reason))
    })
  }

  it('maxCircuits: who dials is told which', async () => {
    await using stage = new Stage()
    const { address } = await stage.relay({ limits: { maxCircuits: 0 } })
    const [alice, bob] = [await stage.node([address]), await stage.node([address])]
    await assert.rejects(
      alice.connect(bob.id, { signal: AbortSignal.timeout(10_000) }),
      refusedWith(/refused a connection .*: it carries at most 0 at once in all/)
    )
  })

  it('peerBytesPerDay: a connection ends with them, and who dials again is told', async () => {
    await using stage = new Stage()
    const relay = await stage.relay({ limits: { peerBytesPerDay: 20_000 } })
    const bob = await stage.peer('ours', { at: relay })
    const alice = await stage.peer('ours')
    await bob.handle(ECHO, async stream => {
      for await (const chunk of stream) stream.send(chunk)
    })
    const over = multiaddr(`${tcpOf(relay)}/p2p-circuit/p2p/${bob.peerId}`)
    const connection = await alice.dial(over)
    const closed = new Promise(resolve => connection.addEventListener('close', resolve))
    const stream = await connection.newStream(ECHO)
    stream.send(new Uint8Array(40_000))
    await closed
    await assert.rejects(alice.dial(over), error =>
      refusedWith(/carries 20000 bytes a day .* yours are used up/)(firstOf(error))
    )
  })

  it('bytesPerSecond: all that is sent arrives, over QUIC and TCP', async () => {
    await using stage = new Stage()
    const relay = await stage.relay({ limits: { bytesPerSecond: 2_000_000 } })
    for (const hub of [relay.address, tcpOf(relay)]) {
      const [alice, bob] = [await stage.node([hub], { techniques: [] }), await stage.node([hub], { techniques: [] })]
      let received = 0
      const done = Promise.withResolvers<void>()
      await bob.handle(ECHO, async stream => {
        for await (const chunk of stream) received += chunk.byteLength
        done.resolve()
      })
      const link = await alice.connect(bob.id, { signal: AbortSignal.timeout(10_000) })
      const stream = await link.openStream(ECHO)
      for (let block = 0; block < 32; block++) if (!stream.send(new Uint8Array(32_768))) await stream.onDrain()
      await stream.close()
      await done.promise
      assert.equal(received, 1_048_576)
      assert.equal(link.path?.kind, 'relay')
    }
  })
})

describe('a change of the rules', () => {
  it('counts at once: who may not use the hub any more is not reached by it, and others stay', async () => {
    await using stage = new Stage()
    const relay = await stage.relay({ access: { tokens: ['first', 'second'] } })
    const { address } = relay
    const [alice, bob] = [
      await stage.node([{ address, token: 'first' }]),
      await stage.node([{ address, token: 'second' }])
    ]
    relay.change({ access: { tokens: ['first'] } })
    assert.equal(relay.reservations, 1)
    await assert.rejects(alice.connect(bob.id, { signal: AbortSignal.timeout(10_000) }), { code: 'PEER_OFFLINE' })
    await assert.rejects(
      bob.connect(alice.id, { signal: AbortSignal.timeout(10_000) }),
      refusedWith(/does not know that token/)
    )
    relay.change({ access: { tokens: ['first', 'second'] } })
    assert.equal(await echoes(bob, alice), 'hello')
  })
})

async function newId(): Promise<string> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
}

function firstOf(error: unknown): Error {
  return error instanceof AggregateError ? error.errors[0] : (error as Error)
}
