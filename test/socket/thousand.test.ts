import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import type { Endpoint } from '../../src/core/machine.ts'
import type { SwitchEvents } from '../../src/socket/switch-events.ts'
import { handshake, initial, short } from './packets.ts'
import { descriptors, NO_PROC, PLANES, setUp, until } from './planes.ts'
import { UdpEnd } from './udp-end.ts'

const PEERS = 1_000
const ROUNDS = 10
const RESEND_MS = 250

const idOf = (n: number) => n.toString(16).padStart(16, '0')
/** Who it is from and which round it belongs to, at the end of a packet whose header is for the switch. */
const marked = (packet: Buffer, peer: number, round: number): Buffer => {
  packet.writeUInt32BE(peer, packet.length - 8)
  packet.writeUInt32BE(round, packet.length - 4)
  return packet
}
const markOf = (bytes: Buffer) => [bytes.readUInt32BE(bytes.length - 8), bytes.readUInt32BE(bytes.length - 4)] as const

/**
 * Sends a peer's packets one after the other, each until it came back: a thousand at once overflow the buffers of a
 * machine, as they would on any network.
 */
class Exchange {
  round = 0
  readonly done: Promise<void>
  readonly #peer: number
  readonly #resolve: () => void
  readonly #timer: NodeJS.Timeout
  readonly #send: (round: number) => void

  constructor(peer: number, send: (round: number) => void) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#peer = peer
    this.done = promise
    this.#resolve = resolve
    this.#send = send
    this.#timer = setInterval(() => send(this.round), RESEND_MS)
    send(0)
  }

  cameBack(bytes: Buffer): void {
    const [peer, round] = markOf(bytes)
    assert.equal(peer, this.#peer, 'a packet came back to another peer')
    if (round !== this.round) return
    this.round++
    if (this.round < ROUNDS) this.#send(this.round)
    else {
      clearInterval(this.#timer)
      this.#resolve()
    }
  }
}

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane`, { skip: skip || NO_PROC }, () => {
    test(`${PEERS} peers at once, half of them dialled: each gets its own bytes back`, async t => {
      const { packetSwitch, socket, port, engine: server } = await setUp(t, kind)
      const client = await UdpEnd.open(t)
      const ends: UdpEnd[] = []
      for (let i = 0; i < PEERS; i++) ends.push(await UdpEnd.open(t))
      const before = descriptors()
      const inbound: SwitchEvents['inbound'][] = []
      packetSwitch.events.on('inbound', info => inbound.push(info))

      // our server answers an Initial by one from an id of its own, and everything else as it is
      server.each(({ bytes, from }) => {
        const [peer, round] = markOf(bytes)
        const opens = bytes.length === 1_200 && round === 0
        server.send(opens ? marked(initial({ from: idOf(peer) }), peer, round) : bytes, from.port)
      })
      const dialling = ends.slice(0, PEERS / 2).map((end, peer) => {
        const exchange = new Exchange(peer, round => {
          const packet = round === 0 ? initial() : round === 1 ? handshake({ to: idOf(peer) }) : short(idOf(peer))
          end.send(marked(packet, peer, round), port)
        })
        end.each(({ bytes }) => exchange.cameBack(bytes))
        return exchange
      })

      const remotes: Endpoint[] = ends.slice(PEERS / 2).map(end => end.endpoint)
      const dialled = await Promise.all(remotes.map(remote => packetSwitch.dial({ kind: 'udp', socket, remote })))
      for (const end of ends.slice(PEERS / 2)) {
        end.each(({ bytes }) => {
          const [peer, round] = markOf(bytes)
          end.send(round === 0 ? marked(handshake({ to: idOf(peer) }), peer, round) : bytes, port)
        })
      }
      const byLoopbackPort = new Map<number, Exchange>()
      client.each(({ bytes, from }) => byLoopbackPort.get(from.port)!.cameBack(bytes))
      for (const [i, { loopbackPort }] of dialled.entries()) {
        const peer = PEERS / 2 + i
        // a client with Handshake keys is told nothing when its flow goes
        const packet = (round: number) => {
          if (round < 2) return round === 0 ? initial({ from: idOf(peer) }) : handshake({ from: idOf(peer) })
          return short(idOf(peer))
        }
        byLoopbackPort.set(
          loopbackPort,
          new Exchange(peer, round => client.send(marked(packet(round), peer, round), loopbackPort))
        )
      }
      await Promise.all([...dialling, ...byLoopbackPort.values()].map(({ done }) => done))

      const stats = await packetSwitch.stats()
      assert.deepEqual([stats.flows, stats.droppedUnknown, stats.droppedTableFull], [PEERS, 0, 0])
      assert.equal(descriptors(), before + PEERS)
      assert.equal(new Set([...dialled, ...inbound].map(({ loopbackPort }) => loopbackPort)).size, PEERS)

      for (const { loopbackPort } of inbound) await packetSwitch.accept(loopbackPort)
      for (const { flow } of [...dialled, ...inbound]) await packetSwitch.release(flow, true)
      assert.equal((await packetSwitch.stats()).flows, 0)
      await until(descriptors, count => count === before)
    })
  })
}
