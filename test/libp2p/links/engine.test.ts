import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { realClock } from '../../../src/core/clock.ts'
import { LinkEngine } from '../../../src/libp2p/links/engine.ts'

/** A client's engine, a server's, and between them, in place of the switch, what passes on so many of the client's datagrams. */
class Bench implements AsyncDisposable {
  readonly client: LinkEngine
  readonly server: LinkEngine
  readonly #sockets: Socket[] = []

  private constructor(client: LinkEngine, server: LinkEngine) {
    this.client = client
    this.server = server
  }

  static async open(): Promise<Bench> {
    const [one, other] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
    return new Bench(new LinkEngine(one, realClock), new LinkEngine(other, realClock))
  }

  /** @returns whether each side had the connection within the time */
  async connect(datagrams: number, ms: number): Promise<readonly ['client' | 'nothing', 'server' | 'nothing']> {
    const [near, far] = [await this.#socket(), await this.#socket()]
    const { serverPort } = this.server
    let clientPort = 0
    let passed = 0
    near.on('message', (bytes, { port }) => {
      clientPort = port
      if (passed++ < datagrams) far.send(bytes, serverPort, '127.0.0.1')
    })
    far.on('message', bytes => near.send(bytes, clientPort, '127.0.0.1'))
    const signal = AbortSignal.timeout(ms)
    const [server, client] = await Promise.all([
      this.server.accept(far.address().port, signal).then(
        () => 'server' as const,
        () => 'nothing' as const
      ),
      this.client.connect(near.address().port, signal).then(
        () => 'client' as const,
        () => 'nothing' as const
      )
    ])
    return [client, server]
  }

  async #socket(): Promise<Socket> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    this.#sockets.push(socket)
    await once(socket, 'listening')
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.client.stop(), this.server.stop()])
    for (const socket of this.#sockets) socket.close()
  }
}

describe('the engine of the links', () => {
  it('takes a connection however many others have stalled in the middle of their handshake', async () => {
    await using bench = await Bench.open()
    // the first flight leaves, and then nothing more: the engine waits for each of them for minutes
    for (let i = 0; i < 12; i++) assert.equal((await bench.connect(1, 200))[1], 'nothing')
    assert.deepEqual(await bench.connect(Number.POSITIVE_INFINITY, 10_000), ['client', 'server'])
  })

  it('makes nothing new once it has stopped', async () => {
    await using bench = await Bench.open()
    await bench.server.stop()
    const { signal } = new AbortController()
    assert.throws(() => bench.server.serverPort, { code: 'LINK_CLOSED' })
    await assert.rejects(bench.server.accept(1, signal), { code: 'LINK_CLOSED' })
    await assert.rejects(bench.server.connect(1, signal), { code: 'LINK_CLOSED' })
  })
})
