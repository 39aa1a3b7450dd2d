import { byteStream } from '@libp2p/utils'
import { type Hub, startHub } from '../../../src/hub/index.ts'
import type { Link } from '../../../src/node/link.ts'
import { createNode, type Node, type NodeOptions } from '../../../src/node/node.ts'

export const ECHO = '/test/echo/1.0.0'

/** Hubs and nodes on loopback, stopped at the end. */
export class Stage implements AsyncDisposable {
  readonly #stops: (() => Promise<void>)[] = []

  async hub(): Promise<Hub> {
    const hub = await startHub({ hosts: ['127.0.0.1'], port: 0, httpPort: 0, stunPort: 0 })
    this.#stops.push(() => hub.stop())
    return hub
  }

  async node(hubs: readonly Hub[], options: Partial<NodeOptions> = {}): Promise<Node> {
    const addresses = hubs.map(({ addrs }) => addrs.find(each => each.includes('/quic-v1'))!)
    const node = await createNode({ hubs: addresses, allowPrivate: true, ...options })
    this.#stops.push(() => node.stop())
    return node
  }

  /** A node that sends back what it gets. */
  async echo(hubs: readonly Hub[], options: Partial<NodeOptions> = {}): Promise<Node> {
    const node = await this.node(hubs, options)
    await node.handle(ECHO, async stream => {
      for await (const chunk of stream) if (!stream.send(chunk)) await stream.onDrain()
      await stream.close()
    })
    return node
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop()
  }
}

/** Resolves when the link's path is as asked. @throws Error after the deadline */
export async function untilPath(link: Link, kind: 'direct' | 'relay', ms = 10_000): Promise<void> {
  if (link.path?.kind === kind) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const off = link.events.on('path', path => path.kind === kind && resolve())
  const timer = setTimeout(
    () => reject(new Error(`the path did not become ${kind}: ${JSON.stringify(link.history)}`)),
    ms
  )
  await promise.finally(() => {
    off()
    clearTimeout(timer)
  })
}

/** Sends numbered blocks over one stream and has them back in order, until told that it is enough. */
export async function pump(link: Link, enough: () => boolean): Promise<number> {
  const signal = AbortSignal.timeout(30_000)
  const stream = await link.openStream(ECHO, { signal })
  const bytes = byteStream(stream)
  for (let number = 0; ; number++) {
    const block = Buffer.alloc(1_000, number & 0xff)
    block.writeUInt32BE(number)
    await bytes.write(block, { signal })
    const back = (await bytes.read({ bytes: block.length, signal })).subarray()
    if (!block.equals(back)) throw new Error(`block ${number} came back as ${Buffer.from(back).readUInt32BE()}`)
    if (enough()) {
      await stream.close()
      return number + 1
    }
  }
}
