import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sleep, VirtualClock } from '../../src/core/clock.ts'
import { NatError } from '../../src/core/errors.ts'
import { type RecordInit, sealPeerRecord } from '../../src/libp2p/peer-record.ts'
import type { HubAnswer } from '../../src/libp2p/rendezvous/api.ts'
import { find, type Searching } from '../../src/node/find.ts'
import { LookedUp } from '../../src/node/looked-up.ts'
import { OtherRelays } from '../../src/node/other-relays.ts'
import type { LookupOutcome } from '../../src/traversal/explain/lookups.ts'

const keys = await Promise.all(Array.from({ length: 8 }, () => generateKeyPair('Ed25519')))
const ids = keys.map(key => peerIdFromPrivateKey(key))
type Id = (typeof ids)[number]
const [bob, self, , hub1, hub2, hub3, relay1, relay2] = ids as unknown as readonly [Id, Id, Id, Id, Id, Id, Id, Id]
const HUBS = [hub1, hub2, hub3]

/** A host for each relay. */
const hostOf = (relay: Id) => `9.9.9.${ids.indexOf(relay)}`
const at = (relay: Id) => multiaddr(`/ip4/${hostOf(relay)}/udp/4001/quic-v1/p2p/${relay}`)
const by = (relay: Id) => at(relay).encapsulate('/p2p-circuit')
const DIRECT = multiaddr('/ip4/7.7.7.7/udp/7/quic-v1')

/** How an address is called in the rows: by the relay, or as direct. */
const nameOf = (address: Multiaddr) => {
  const found = ids.findIndex(id => address.toString().includes(`/p2p/${id}/p2p-circuit`))
  return found < 0 ? 'direct' : ['bob', 'self', 'mallory', 'hub1', 'hub2', 'hub3', 'relay1', 'relay2'][found]!
}

const sealed = (addresses: readonly Multiaddr[], init: Partial<RecordInit> = {}, key = keys[0]!) =>
  sealPeerRecord(key, { seq: 10, addresses, ...init })

const ok = (envelope: Uint8Array): HubAnswer => ({ outcome: 'answered', status: 'OK', envelope })
const NONE: HubAnswer = { outcome: 'answered', status: 'NOT_FOUND' }
const elsewhere = await sealed([by(relay1)])
const forgedBytes = elsewhere.with(elsewhere.length - 1, elsewhere.at(-1)! ^ 1)

const OFFLINE = 'PEER_OFFLINE'
const REFUSED = 'HUB_REFUSED'
/** What comes of a dial: after so long it is there, or fails with that code. None: it is never heard of again. */
type Dialled = readonly [ms: number, code?: typeof OFFLINE | typeof REFUSED | 'NO_HUB']
/** What a hub answers after so long; never: 'silent'. */
type Said = readonly [ms: number, answer: HubAnswer] | 'silent'

interface Play {
  /** By name of the relay, or `direct`. */
  readonly dials: Readonly<Record<string, Dialled>>
  /** Of our hubs in their order: as many as we have. */
  readonly hubs: readonly Said[]
  /** What comes of a call, and when the peer is there then. */
  readonly call?: { readonly status: 'OK' | 'NOT_FOUND'; readonly comesMs?: number }
  readonly hasRecord?: boolean
}

function stage({ dials, hubs, call, hasRecord = true }: Play) {
  const clock = new VirtualClock()
  const controller = new AbortController()
  const log: string[] = []
  const say = (text: string) => log.push(`${clock.now()} ${text}`)
  const lookedUp = new LookedUp()
  const otherRelays = new OtherRelays()
  const searching: Searching = {
    clock,
    wallMs: Date.now,
    lookedUp,
    otherRelays,
    hubs: hubs.map((_, index) => at(HUBS[index]!)),
    transportManager: {
      async dial(address, { signal }: { signal?: AbortSignal } = {}) {
        const name = nameOf(address)
        say(`dial ${name}`)
        const [ms, code] = dials[name] ?? [1_000_000]
        await sleep(clock, ms, signal)
        const hub = /\/p2p\/(\w+)\/p2p-circuit/.exec(address.toString())?.[1]
        const details = code === OFFLINE ? { hub, status: 'NO_RESERVATION' } : {}
        if (code != null) throw new NatError(code, `${name} failed`, { details })
        return { abort: () => say(`close ${name}`) } as never
      }
    },
    rendezvous: {
      hubs: HUBS.slice(0, hubs.length),
      async query(hub, peer, signal) {
        assert.ok(peer.equals(bob))
        const index = HUBS.indexOf(hub as Id)
        say(`ask hub${index + 1}`)
        const said = hubs[index]!
        await sleep(clock, said === 'silent' ? 60_000 : said[0], signal)
        return said[1] as HubAnswer
      },
      async call(hub, peer, envelope) {
        assert.ok(peer.equals(bob))
        assert.equal(envelope.length, 3)
        say(`call by hub${HUBS.indexOf(hub as Id) + 1}`)
        return { outcome: 'answered', status: call?.status ?? 'NOT_FOUND' }
      }
    },
    own: () => ({
      id: self,
      addresses: [],
      hubs: new Set(HUBS.slice(0, hubs.length).map(String)),
      allowPrivate: false,
      isOnThisMachine: false
    }),
    async ownRecord() {
      if (!hasRecord) throw new NatError('MALFORMED', 'a record of 9 kB')
      return new Uint8Array(3)
    },
    async connected(_, signal) {
      await sleep(clock, call?.comesMs ?? 1_000_000, signal)
    }
  }
  const end = find(searching, bob, controller.signal).then(
    () => say('there'),
    (error: NatError) => {
      say(`${error.code ?? error.message}`)
      return error
    }
  )
  /** Signatures are checked outside of virtual time, so that steps are small. */
  const run = async (ms: number) => {
    for (const endMs = clock.now() + ms; clock.now() < endMs; ) await clock.advance(5)
  }
  return {
    clock,
    controller,
    log,
    lookedUp,
    otherRelays,
    end,
    findings: () =>
      lookedUp
        .findings(bob.toString())
        .map(({ hub, outcome }) => [nameOf(at(idOf(hub)).encapsulate('/p2p-circuit')), outcome]),
    run,
    /** @throws when it is not over after so much virtual time */
    async over(ms = 8_000) {
      await run(ms)
      assert.ok(
        log.some(line => / (there|[A-Z_]+)$/.test(line)),
        log.join('\n')
      )
      return (await end) as NatError
    }
  }
}

const idOf = (text: string): Id => ids.find(id => id.toString() === text)!

const ROWS: ReadonlyArray<readonly [what: string, play: Play, log: readonly string[]]> = [
  [
    'our own hub is dialled at once and asked when that is done, for what it says is not needed',
    { dials: { hub1: [80] }, hubs: [[40, ok(elsewhere)]] },
    ['0 dial hub1', '80 there', '500 ask hub1']
  ],
  [
    'who is at none of our hubs is dialled by the relay that the record names, as soon as that is known',
    { dials: { hub1: [40, OFFLINE], relay1: [100] }, hubs: [[40, ok(elsewhere)]] },
    ['0 dial hub1', '40 ask hub1', '80 dial relay1', '180 there']
  ],
  [
    'while our own hub keeps silent the other relay waits for its turn, and then wins',
    { dials: { relay1: [100] }, hubs: [[40, ok(elsewhere)]] },
    ['0 dial hub1', '500 ask hub1', '540 dial relay1', '640 there']
  ],
  [
    'nobody has heard of the peer: offline as soon as all have said so, and not before',
    {
      dials: { hub1: [40, OFFLINE], hub2: [40, OFFLINE] },
      hubs: [
        [40, NONE],
        [300, NONE]
      ]
    },
    ['0 dial hub1', '40 ask hub1', '40 ask hub2', '40 dial hub2', '340 PEER_OFFLINE']
  ],
  [
    'a hub that never answers costs five seconds when nothing else is left',
    { dials: { hub1: [40, OFFLINE] }, hubs: ['silent'] },
    ['0 dial hub1', '40 ask hub1', '5040 PEER_OFFLINE']
  ],
  [
    'a newer record has its relays tried, too',
    {
      dials: { hub1: [10, OFFLINE], hub2: [10, OFFLINE], relay1: [100, 'NO_HUB'], relay2: [100] },
      hubs: [
        [40, ok(elsewhere)],
        [60, ok(await sealed([by(relay1), by(relay2)], { seq: 11 }))]
      ]
    },
    ['0 dial hub1', '10 ask hub1', '10 ask hub2', '10 dial hub2', '50 dial relay1', '150 dial relay2', '250 there']
  ],
  [
    'direct addresses come when all relays have failed',
    {
      dials: { hub1: [40, OFFLINE], relay1: [100, 'NO_HUB'], direct: [50] },
      hubs: [[40, ok(await sealed([DIRECT, by(relay1)]))]]
    },
    ['0 dial hub1', '40 ask hub1', '80 dial relay1', '180 dial direct', '230 there']
  ],
  [
    'while a relay that is gone keeps silent, direct addresses are not waited for for long',
    { dials: { hub1: [40, OFFLINE], direct: [50] }, hubs: [[40, ok(await sealed([DIRECT, by(relay1)]))]] },
    ['0 dial hub1', '40 ask hub1', '80 dial relay1', '2000 dial direct', '2050 there']
  ],
  [
    'an address that cannot be read again is passed over, whoever has signed it',
    {
      dials: { hub1: [40, OFFLINE], direct: [50] },
      hubs: [[40, ok(await sealed([multiaddr(Uint8Array.of(0x36, 3)), DIRECT]))]]
    },
    ['0 dial hub1', '40 ask hub1', '80 dial direct', '130 there']
  ],
  [
    'a goodbye is the end when nobody else has the peer',
    { dials: { hub1: [40, OFFLINE] }, hubs: [[40, ok(await sealed([], { left: true }))]] },
    ['0 dial hub1', '40 ask hub1', '80 PEER_OFFLINE']
  ],
  [
    'a goodbye of before is none for a peer that is there',
    { dials: { hub1: [80] }, hubs: [[10, ok(await sealed([], { left: true }))]] },
    ['0 dial hub1', '80 there', '500 ask hub1']
  ],
  [
    'a hub that refuses us passes on a call, and the peer comes',
    {
      dials: { hub1: [40, OFFLINE], relay1: [40, REFUSED] },
      hubs: [[20, ok(elsewhere)]],
      call: { status: 'OK', comesMs: 300 }
    },
    ['0 dial hub1', '40 ask hub1', '60 dial relay1', '100 call by hub1', '400 there']
  ],
  [
    'a peer that is called and does not come is not waited for for long',
    {
      dials: { hub1: [40, REFUSED], relay1: [40, 'NO_HUB'] },
      hubs: [[20, ok(elsewhere)]],
      call: { status: 'OK' }
    },
    ['0 dial hub1', '40 ask hub1', '60 dial relay1', '100 call by hub1', '5100 HUB_REFUSED']
  ],
  [
    'a call that reaches nobody is not waited for',
    {
      dials: { hub1: [40, REFUSED], relay1: [40, 'NO_HUB'] },
      hubs: [[20, ok(elsewhere)]],
      call: { status: 'NOT_FOUND', comesMs: 10 }
    },
    ['0 dial hub1', '40 ask hub1', '60 dial relay1', '100 call by hub1', '100 HUB_REFUSED']
  ],
  [
    'who cannot make a record of his own cannot be called back',
    {
      dials: { hub1: [40, REFUSED], relay1: [40, 'NO_HUB'] },
      hubs: [[20, ok(elsewhere)]],
      call: { status: 'OK', comesMs: 10 },
      hasRecord: false
    },
    ['0 dial hub1', '40 ask hub1', '60 dial relay1', '100 HUB_REFUSED']
  ],
  [
    'a relay that the peer is at and that is not reached says more than that a hub does not have it',
    {
      dials: { hub1: [40, OFFLINE], relay1: [40, 'NO_HUB'] },
      hubs: [[20, ok(elsewhere)]]
    },
    ['0 dial hub1', '40 ask hub1', '60 dial relay1', '100 call by hub1', '100 NO_HUB']
  ]
]

describe('a search', () => {
  for (const [what, play, log] of ROWS) {
    it(what, async () => {
      const { over, clock, ...staged } = stage(play)
      await over()
      assert.deepEqual(staged.log, log)
      assert.equal(clock.pending, 0)
    })
  }

  it('is over as soon as its caller gives up, with the reason of that', async () => {
    const { run, controller, end, clock, log } = stage({ dials: {}, hubs: ['silent'] })
    await run(100)
    const reason = new Error('enough')
    controller.abort(reason)
    assert.equal(await end, reason)
    await run(5)
    assert.deepEqual(log, ['0 dial hub1', '100 enough'])
    assert.equal(clock.pending, 0)
  })

  it('keeps in mind which relays are no peers', async () => {
    const { run, end, otherRelays } = stage({ dials: { hub1: [9, OFFLINE], relay1: [9] }, hubs: [[9, ok(elsewhere)]] })
    await run(100)
    await end
    const to = (remotePeer: Id) => otherRelays.has({ remotePeer, direct: true, direction: 'outbound' })
    assert.deepEqual([to(relay1), to(hub1)], [true, false])
    // a record may name anybody as a relay: who comes to us, or is at a relay, is a peer
    assert.equal(otherRelays.has({ remotePeer: relay1, direct: true, direction: 'inbound' }), false)
    assert.equal(otherRelays.has({ remotePeer: relay1, direct: false, direction: 'outbound' }), false)
    assert.deepEqual(otherRelays.of(bob.toString()).map(String), [at(relay1).toString()])
  })
})

/** What a hub may do, and what it is called then. Beside it is an honest one, who has the record. */
const LIES: ReadonlyArray<readonly [what: string, said: Said, outcome: LookupOutcome, named?: string]> = [
  ['an old record', [1, ok(await sealed([by(relay2)], { seq: 9 }))], 'old', 'answered with an older record'],
  [
    "another peer's record",
    [1, ok(await sealed([by(relay2)], {}, keys[2]!))],
    'wrong-peer',
    'answered with a record that somebody else signed'
  ],
  ['a forged record', [1, ok(forgedBytes)], 'forged', 'answered with a record that the peer has not signed'],
  ['garbage', [1, ok(Uint8Array.of(7, 7, 7))], 'garbage', 'answered with something that is no record'],
  [
    'a record that ended days ago',
    [1, ok(await sealed([by(relay2)], { seq: 99, issuedAtSeconds: 1_000 }))],
    'expired',
    'answered with a record that is out of date'
  ],
  ['nothing', [1, NONE], 'none'],
  ['after a minute', 'silent', 'silent', 'did not answer in time']
]

describe('a hub that answers with', () => {
  for (const [what, said, outcome] of LIES) {
    it(`${what} costs nothing but time, and is told`, async () => {
      const honest: Said = [40, ok(elsewhere)]
      const dials = { hub1: [40, OFFLINE], hub2: [40, OFFLINE], relay1: [100], relay2: [5_000, 'NO_HUB'] } as const
      const { over, log, findings, clock } = stage({ dials, hubs: [said, honest] })
      await over()
      const there = log.findIndex(each => each.endsWith(' there'))
      assert.equal(there, log.length - 1, log.join('\n'))
      assert.ok(log.some(each => each.endsWith('dial relay1')))
      assert.deepEqual(
        new Map(findings() as [string, string][]),
        new Map([
          ['hub1', outcome],
          ['hub2', 'found']
        ])
      )
      assert.equal(clock.pending, 0)
    })
  }
})

describe('when all hubs answer with', () => {
  // an old record is the newest one that is known, when all have it
  for (const [what, said, outcome, named] of LIES.filter(([, , outcome]) => outcome !== 'old')) {
    it(`${what}, the peer is offline, and each of them is named whom it is due to`, async () => {
      const dials = { hub1: [40, OFFLINE], hub2: [40, OFFLINE], relay2: [40, OFFLINE] } as const
      const { over, findings } = stage({ dials, hubs: [said, said] })
      const error = await over()
      assert.equal(error.code, 'PEER_OFFLINE')
      assert.deepEqual(findings(), [
        ['hub1', outcome],
        ['hub2', outcome]
      ])
      for (const hub of [hub1, hub2]) {
        assert.equal(error.message.includes(`the hub ${hub} ${named ?? ''}`), named != null, error.message)
      }
    })
  }
})

it('a goodbye is said to be one', async () => {
  const { over } = stage({ dials: { hub1: [1, OFFLINE] }, hubs: [[1, ok(await sealed([], { left: true }))]] })
  assert.match((await over()).message, /has said goodbye/)
})

describe('who is not found', () => {
  const PRIVATE = multiaddr('/ip4/192.168.7.7/udp/7/quic-v1')
  const privately = (relay: Id) => multiaddr(`/ip4/10.0.0.1/udp/4001/quic-v1/p2p/${relay}/p2p-circuit`)
  const BARRED = /; its record names only addresses that this node may not go to \(--allow-private, or `allowPrivate`/
  const dials = { hub1: [40, OFFLINE], hub2: [40, OFFLINE], relay1: [40, OFFLINE] } as const

  it('at one hub is said to be not there, by the name of that', async () => {
    const { message } = await stage({ dials, hubs: [[1, NONE]] }).over()
    assert.equal(message, `${bob} is not at the hub ${hub1}: is it running, with the same hub?`)
  })

  it('at several is said to be at none of them, and they are named', async () => {
    const none: Said = [1, NONE]
    const { message } = await stage({ dials, hubs: [none, none] }).over()
    assert.equal(message, `${bob} is at none of 2 hubs (${hub1}, ${hub2}): is it running, with the same hub?`)
    const there = await stage({ dials, hubs: [[1, ok(elsewhere)]] }).over()
    assert.equal(there.message, `${bob} is at none of 2 hubs (${hub1}, ${relay1}): is it running, with the same hub?`)
  })

  it('has a record that leads only where this node may not go, and that is said', async () => {
    for (const addresses of [[PRIVATE], [privately(relay1)], [privately(relay1), PRIVATE]]) {
      const { code, message } = await stage({ dials, hubs: [[1, ok(await sealed(addresses))]] }).over()
      assert.equal(code, OFFLINE)
      assert.match(message, BARRED)
      assert.ok(message.startsWith(`${bob} is not at the hub ${hub1}; `), message)
    }
  })

  it('and has a record of nothing, of a hub of ours, or of a goodbye, is barred from nothing', async () => {
    const records = [sealed([]), sealed([privately(hub1), PRIVATE]), sealed([by(relay1), PRIVATE])]
    for (const record of [...records, sealed([], { left: true })]) {
      const { message } = await stage({ dials, hubs: [[1, ok(await record)]] }).over()
      assert.doesNotMatch(message, /may not go/)
    }
  })

  it('though its record was found has the relay named that was not reached', async () => {
    const down = { hub1: [40, OFFLINE], relay1: [40, 'NO_HUB'] } as const
    const { code, message } = await stage({ dials: down, hubs: [[1, ok(elsewhere)]] }).over()
    assert.equal(code, 'NO_HUB')
    const why = `its record was found, but nothing came from the relay that it names, ${at(relay1)}: is that hub running?`
    assert.equal(message, `relay1 failed; ${why}`)
  })

  it('leaves behind which relays of the record nothing came from', async () => {
    const record = ok(await sealed([by(relay1), by(relay2)]))
    const { lookedUp, run, controller, end } = stage({ dials, hubs: [[1, record]] })
    await run(60)
    assert.deepEqual(lookedUp.unanswered(bob.toString()), [at(relay1), at(relay2)].map(String))
    await run(3_000)
    // the first has said that the peer is not there
    assert.deepEqual(lookedUp.unanswered(bob.toString()), [at(relay2).toString()])
    controller.abort(new Error('enough'))
    await end
    assert.deepEqual(lookedUp.unanswered(bob.toString()), [at(relay2).toString()])
  })
})
