import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { openPeerRecord } from '../../../src/libp2p/peer-record.ts'
import type { RendezvousStatus } from '../../../src/wire/rendezvous.ts'
import { HOUR_MS, record, someone, stage, stranger } from './stage.ts'

const [alice, bob, mallory] = await Promise.all([someone(), someone(), someone()])
const ANY = { burst: 1_000_000, refillMs: 1, maxKeys: 1_000 }

test('3,000 spoiled records: none throws, none is kept but what its peer has signed', async t => {
  const { registry } = await stage(t, { limits: { sources: ANY, anonymous: ANY, registrations: ANY } })
  const random = seededRandom(7)
  const samples = [await record(alice, 0), await record(bob, 0), await record(alice, 1, { left: true })]
  const seen = new Map<RendezvousStatus, number>()
  for (let run = 0; run < 3_000; run++) {
    const bytes = Uint8Array.from(samples[run % samples.length]!)
    for (let deeds = random.int(1, 3); deeds > 0; deeds--) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
    const piece = run % 5 === 0 ? bytes.subarray(0, random.int(0, bytes.length)) : bytes
    const { status } = await registry.register(piece, run % 2 === 0 ? stranger() : alice.asker, alice.id)
    seen.set(status, (seen.get(status) ?? 0) + 1)
  }
  assert.ok(seen.get('BAD_RECORD')! > 2_500, JSON.stringify([...seen]))
  for (const status of seen.keys()) assert.ok(['BAD_RECORD', 'OK', 'STALE'].includes(status), status)
  const { envelope } = await registry.find(alice.id, stranger())
  if (envelope != null) assert.ok((await openPeerRecord(envelope, alice.id)).peer.equals(alice.id))
  assert.equal((await registry.find(bob.id, stranger())).status, 'NOT_FOUND')
})

/**
 * Alice moves about for three days; her clock may be wrong; her records are registered, lost, doubled, replayed and put in any order by whoever can. What the hub says
 * of her is checked against the one rule: never something with a lower number than what it has said before.
 */
for (const skewHours of [-20, 0, 20]) {
  test(`records reordered and replayed at random, by a clock that is ${skewHours} h wrong: the hub never goes back`, async t => {
    const { registry, clock } = await stage(t, {
      limits: { sources: ANY, anonymous: ANY, registrations: ANY, unheld: ANY }
    })
    const random = seededRandom(skewHours + 100)
    const made: Uint8Array[] = []
    let highest = 0
    let answers = 0
    for (let step = 0; step < 400; step++) {
      const atMs = clock.now() + skewHours * HOUR_MS
      const left = random.int(0, 9) === 0
      made.push(await record(alice, atMs, { port: random.int(1, 65_535), lifetimeSeconds: 3_600, left }))
      for (let tries = random.int(0, 3); tries > 0; tries--) {
        // mostly the newest ones, as on a network; now and then any of them
        const back = random.int(0, 3) === 0 ? random.int(1, made.length) : random.int(1, Math.min(3, made.length))
        const { status, seq } = await registry.register(
          made[made.length - back]!,
          random.int(0, 1) === 0 ? stranger() : alice.asker,
          alice.id
        )
        if (status === 'OK' || status === 'STALE') highest = Math.max(highest, seq!)
        else assert.equal(status, 'BAD_CLOCK')
      }
      const found = await registry.find(alice.id, mallory.asker)
      if (found.status === 'OK') {
        answers++
        assert.equal(found.seq, highest)
      }
      await clock.advance(random.int(1, 20) * 60_000)
    }
    assert.ok(answers > 50, `${answers} answers`)
  })
}
