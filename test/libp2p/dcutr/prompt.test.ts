import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import type { HolePunch } from '../../../src/wire/dcutr.ts'
import { DCUTR_PROTOCOL } from '../../../src/wire/dcutr.ts'
import { acquaint, barePeer, connectOver, limited, relayNode, testPeer, until } from './fixture.ts'
import type { Door } from './internet.ts'
import { begin, framesOf, message } from './stranger.ts'

const relay = await relayNode()
after(() => relay[Symbol.asyncDispose]())
const soon = () => AbortSignal.timeout(5_000)

/** What our initiator does when its CONNECT, which offers to be prompt, is answered with or without that. */
const answers: ReadonlyArray<readonly [what: string, prompt: boolean | undefined, sync: boolean]> = [
  ['a receiver of ours agrees: no SYNC, and it opens at once', true, false],
  ['a receiver of ours without NAT says no: a SYNC', false, true],
  ['a foreign receiver does not know the field: a SYNC', undefined, true]
]
for (const [what, prompt, sync] of answers) {
  test(`the initiator: ${what}`, async () => {
    await using b = await testPeer({ relay })
    await using stranger = await barePeer()
    const { promise, resolve } = Promise.withResolvers<{ offer: HolePunch; next: string }>()
    await stranger.handle(
      DCUTR_PROTOCOL,
      async stream => {
        const frames = framesOf(stream)
        const offer = await frames.read(soon())
        assert.equal(b.nat.openings, 0, 'nothing flies before the answer')
        stream.send(message('CONNECT', [stranger.nat.address.toString()], prompt))
        // what comes after the CONNECT: a message, or the end of the stream
        const next = await frames.read(soon()).then(
          ({ type }) => type,
          error => error.code
        )
        resolve({ offer, next })
      },
      limited
    )
    await connectOver(relay, stranger, b.node)
    const { offer, next } = await promise
    assert.equal(offer.prompt, true)
    assert.equal(next, sync ? 'SYNC' : 'LINK_CLOSED')
    await until('opening packets fly', () => b.nat.openings > 0)
  })
}

/** Whether our receiver agrees to be prompt, by what the initiator offers and whether anybody can dial the receiver. */
const offers: ReadonlyArray<
  readonly [what: string, receiver: Door | 'announced', prompt: boolean | undefined, agrees: true | undefined]
> = [
  ['an initiator of ours: it agrees, and dials without a SYNC', 'natted', true, true],
  ['an initiator that does not want it: it waits for the SYNC', 'natted', false, undefined],
  ['a foreign initiator: it waits for the SYNC', 'natted', undefined, undefined],
  ['no NAT before us, but nobody has told that we can be dialled: it agrees', 'public', true, true],
  [
    'we announce our address: it leaves the initiator time to dial, and waits for the SYNC',
    'announced',
    true,
    undefined
  ]
]
for (const [what, receiver, prompt, agrees] of offers) {
  test(`the receiver: ${what}`, async () => {
    const announces = receiver === 'announced'
    await using a = await testPeer({ door: announces ? 'public' : receiver, announces })
    await acquaint(relay, a)
    await using stranger = await barePeer(relay)
    await connectOver(relay, a.node, stranger)
    const stream = await begin(stranger, a)
    const frames = framesOf(stream)
    stream.send(message('CONNECT', [stranger.nat.address.toString()], prompt))
    const answer = await frames.read(soon())
    assert.equal(answer.prompt, agrees)
    assert.equal(answer.observedAddresses.length, 1)
    const punches = () => a.nat.dials.filter(dial => dial.punch).length
    if (agrees === undefined) {
      // as long as a prompt round would need ten times over
      await new Promise(resolve => setTimeout(resolve, 300))
      assert.equal(punches(), 0, 'it dials before the SYNC')
      stream.send(message('SYNC'))
    }
    await until('it dials', () => punches() === 1)
  })
}
