import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { LINK_ENGINE } from '../../src/libp2p/links/engine.ts'
import { loadEngine } from '../../src/libp2p/quic/engine.ts'
import { longHeader } from '../../src/socket/demux.ts'
import { CLOSE, serverInitial } from '../../src/socket/initial.ts'
import { SERVER_ID, setUp } from './fake-sockets.ts'
import { openSide } from './joined.ts'
import { handshake, initial } from './packets.ts'
import { PLANES, until } from './planes.ts'

const OPENED_WITH = '0011223344556677'
const idOf = (n: number) => n.toString(16).padStart(16, '0')

/** What the engine is told of a flow when that goes: which client it is for, in whose name. */
function told(begin: (send: (bytes: Uint8Array) => void) => void): string[] {
  const { sockets, board, dial, udp, flow } = setUp()
  const dialled = flow(dial(udp(9)))
  begin(bytes => board.sent(dialled, bytes))
  board.release(dialled.id, true)
  return sockets.loops[0]!.delivered.map(bytes => {
    const { destinationId, sourceId } = longHeader(bytes)!
    return `${sourceId} -> ${destinationId}`
  })
}

describe('a flow that goes while a dial is under way', () => {
  test('the client is told that it is over, by a server that it does not know yet', () => {
    const { sockets, board, dial, udp, flow } = setUp()
    const dialled = flow(dial(udp(9)))
    for (let times = 0; times < 3; times++) board.sent(dialled, initial({ to: OPENED_WITH, from: idOf(1) }))
    board.release(dialled.id, true)
    const close = serverInitial({ destinationId: idOf(1), sourceId: OPENED_WITH, ...CLOSE }, OPENED_WITH)
    assert.deepEqual(sockets.loops[0]?.delivered, [close])
  })

  const ROWS: readonly [what: string, sent: readonly Uint8Array[], told: readonly string[]][] = [
    ['nothing was sent', [], []],
    [
      'by the server that has answered',
      [initial({ to: OPENED_WITH, from: idOf(1) }), initial({ to: SERVER_ID, from: idOf(1) })],
      [`${SERVER_ID} -> ${idOf(1)}`]
    ],
    [
      'not when it has Handshake keys',
      [initial({ to: OPENED_WITH, from: idOf(1) }), handshake({ to: SERVER_ID, from: idOf(1) })],
      []
    ],
    [
      'each of several',
      [initial({ to: idOf(7), from: idOf(1) }), initial({ to: idOf(8), from: idOf(2) })],
      [`${idOf(7)} -> ${idOf(1)}`, `${idOf(8)} -> ${idOf(2)}`]
    ],
    [
      'the last eight of many',
      Array.from({ length: 100 }, (_, n) => initial({ to: idOf(1_000 + n), from: idOf(n) })),
      Array.from({ length: 8 }, (_, n) => `${idOf(1_092 + n)} -> ${idOf(92 + n)}`)
    ]
  ]
  for (const [what, sent, expected] of ROWS) {
    test(what, () => {
      assert.deepEqual(
        told(send => sent.forEach(send)),
        expected
      )
    })
  }
})

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane and the engine`, { skip }, () => {
    test('a dial ends in the engine when its flow is given up, not minutes later', async t => {
      const side = await openSide(t, kind)
      const engine = loadEngine()
      const privateKeyProto = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
      const client = new engine.Client(new engine.QuinnConfig({ ...LINK_ENGINE, privateKeyProto }), 0)
      t.after(() => client.abort())
      const pipe = side.packetSwitch.newPipe()
      const begun = new Promise<unknown>(resolve => side.packetSwitch.events.on('pipe', resolve))
      const { flow, loopbackPort } = await side.packetSwitch.dial({ kind: 'pipe', pipe })
      let ended: string | undefined
      client.outboundConnection('127.0.0.1', loopbackPort).then(
        () => {
          ended = 'connected'
        },
        (error: Error) => {
          ended = error.message
        }
      )
      await begun
      await side.packetSwitch.release(flow, true)
      assert.match(
        (await until(
          () => ended,
          told => told != null
        )) ?? '',
        /aborted by peer/
      )
    })
  })
}
