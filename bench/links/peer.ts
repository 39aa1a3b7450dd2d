/**
 * One of two programs in a lab: `receive`, or `send` to a peer until its standard input ends. It opens another stream only when one has broken,
 * and says so.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Blocks } from './blocks.ts'
import { CONTENDERS, type Contender, type ContenderName } from './contenders.ts'
import { nowMs, tell, why } from './events.ts'
import { receiver } from './receiver.ts'
import { sendBlocks } from './sender.ts'

export interface PeerArguments {
  readonly contender: ContenderName
  readonly hubs: readonly string[]
  readonly seed: number
  /** Whom to send to; without one it receives. */
  readonly to?: string
}

const PROTOCOL = '/bench/blocks/1.0.0'
const TRY_AGAIN_MS = 500

const { contender, hubs, seed, to } = JSON.parse(process.argv[2]!) as PeerArguments
const content = new Blocks(seed)
// what a library throws where nobody catches it is an error of its own, and the other streams' end is for them to tell
process.on('uncaughtException', error => tell({ event: 'failed', atMs: nowMs(), error: `uncaught: ${why(error)}` }))
const node = await CONTENDERS[contender](hubs)
if (to === undefined) await node.handle(PROTOCOL, receiver(content))
tell({ event: 'ready', id: node.id })
if (to !== undefined) await send(node, to)

async function send(from: Contender, peer: string): Promise<void> {
  const finish = new AbortController()
  process.stdin.on('end', () => finish.abort()).resume()
  let told: string | undefined
  for (let number = 1; ; ) {
    const stream = await from.open(peer, PROTOCOL).catch(cause => {
      const error = why(cause)
      // the same again says nothing new
      if (error !== told) tell({ event: 'failed', atMs: nowMs(), error })
      told = error
    })
    if (stream) {
      tell({ event: 'stream', atMs: nowMs(), number: number++ })
      // the node stays, so that the end of the stream arrives
      if ((await sendBlocks(stream, content, finish.signal)) === 'done') return
    }
    if (finish.signal.aborted) return
    await delay(TRY_AGAIN_MS)
  }
}
