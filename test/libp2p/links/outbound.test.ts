import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../../src/core/clock.ts'
import { NatError } from '../../../src/core/errors.ts'
import { encodeFrame } from '../../../src/libp2p/frames.ts'
import type { LinksContext } from '../../../src/libp2p/links/context.ts'
import { openPipe } from '../../../src/libp2p/links/outbound.ts'
import { type CircuitStatus, hopCodec } from '../../../src/wire/circuit.ts'

const peer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [HUB, TARGET] = [await peer(), await peer()]
const HELLO = new Uint8Array(10)
/** A line of multistream-select, as the other side's `na` is. */
const NA = Buffer.from('\x13/multistream/1.0.0\n\x03na\n')

interface Ours {
  readonly controller: AbortController
  /** Our connection to it. */
  readonly relay: { status: string }
}

/** What becomes of a pipe at a relay that does as told. */
async function outcome(relayDoes: (far: Stream) => unknown, weDo: (ours: Ours) => void = () => {}) {
  const [near, far] = await streamPair()
  const context = { clock: new VirtualClock(), tokenFor: () => undefined } as unknown as LinksContext
  const remoteAddr = multiaddr('/ip4/192.0.2.1/udp/4001/quic-v1')
  const relay = { newStream: async () => near, remotePeer: HUB, remoteAddr, status: 'open' }
  const controller = new AbortController()
  const foreign: boolean[] = []
  const options = { signal: controller.signal, onForeign: (certain: boolean) => foreign.push(certain) }
  const { hello } = await openPipe(context, relay as unknown as Connection, TARGET, HELLO, options)
  const ended = new Promise(resolve => near.addEventListener('close', resolve))
  weDo({ controller, relay })
  await relayDoes(far)
  const { code } = await hello.then(
    () => assert.fail('there is nobody'),
    error => error
  )
  if (controller.signal.aborted) await ended
  return { code, foreign }
}

const says = (status: CircuitStatus) => (far: Stream) =>
  far.send(encodeFrame(hopCodec.encode({ type: 'STATUS', status })))

const hangsUp = async (far: Stream) => {
  says('OK')(far)
  await far.close()
}

const ROWS: ReadonlyArray<
  readonly [what: string, relayDoes: (far: Stream) => unknown, code: string, foreign: readonly boolean[]]
> = [
  ['the peer is not there', says('NO_RESERVATION'), 'PEER_OFFLINE', []],
  ['the relay is full', says('RESOURCE_LIMIT_EXCEEDED'), 'HUB_REFUSED', []],
  // who knows no links hangs up at once, and the relay may hear of that before it has read the consent: nobody knows then, and asks in another way
  ['the relay did not reach the peer', says('CONNECTION_FAILED'), 'UNSUPPORTED', []],
  ['the relay ends the stream without a word', far => far.close(), 'UNSUPPORTED', []],
  ['the relay resets the stream', far => far.abort(new Error('gone')), 'UNSUPPORTED', []],
  [
    'the other side says that it knows no links',
    far => {
      says('OK')(far)
      far.send(NA)
    },
    'UNSUPPORTED',
    [true]
  ],
  ['the other side hangs up', hangsUp, 'UNSUPPORTED', [false]]
]
for (const [what, relayDoes, code, foreign] of ROWS) {
  test(`a pipe that is asked for, and ${what}: ${code}`, async () => {
    assert.deepEqual(await outcome(relayDoes), { code, foreign })
  })
}

test('a pipe that we have given up, and that ends then: nobody is taken for one who knows no links', async () => {
  const givenUp = new NatError('LINK_CLOSED', 'the node stops')
  const { code, foreign } = await outcome(hangsUp, ({ controller }) => controller.abort(givenUp))
  assert.deepEqual({ code, foreign }, { code: 'LINK_CLOSED', foreign: [] })
})

test('nor when our connection to the relay has ended', async () => {
  const lost = ({ relay }: Ours) => {
    relay.status = 'closed'
  }
  assert.deepEqual((await outcome(hangsUp, lost)).foreign, [])
})
