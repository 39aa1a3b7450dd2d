/**
 * A program in a lab that has been up for a while: it knows its network. It answers pings, and connects to whom its standard input names, one after
 * the other. Beside its node it has one that knows no technique but the relay.
 */
import { createInterface } from 'node:readline'
import { answerPings } from '../../src/cli/ping-protocol.ts'
import { emptyResult, runPings } from '../../src/cli/ping-run.ts'
import { NatError } from '../../src/core/errors.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import type { Attempt } from '../../src/traversal/attempt.ts'

export interface Order {
  readonly to: string
  readonly by: 'anything' | 'relay'
}

/** What became of one connect. */
export interface Connect {
  readonly event: 'connect'
  readonly firstByteMs: number | null
  readonly directMs: number | null
  readonly technique: string | null
  readonly transport: string | null
  /** What the explanation comes to. */
  readonly conclusion: string | null
  readonly attempts: readonly Attempt[]
}

export type PeerEvent =
  | { readonly event: 'ready'; readonly id: string; readonly relayedId: string }
  /** Of a link that somebody else has begun. */
  | { readonly event: 'attempt'; readonly attempt: Attempt }
  | Connect

const DEADLINE_MS = 40_000

const tell = (event: PeerEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

const { hubs } = JSON.parse(process.argv[2]!) as { hubs: readonly string[] }
const node = await createNode({ hubs })
const relayed = await createNode({ hubs, techniques: ['relay'], portMapping: false })
await Promise.all([answerPings(node), answerPings(relayed), node.examine()])
let isConnecting = false
node.events.on('link', link => {
  link.events.on('attempt', attempt => isConnecting || tell({ event: 'attempt', attempt }))
})
tell({ event: 'ready', id: node.id, relayedId: relayed.id })
for await (const line of createInterface({ input: process.stdin })) {
  const { to, by } = JSON.parse(line) as Order
  isConnecting = true
  tell(by === 'relay' ? await connect(relayed, to, 'first') : await connect(node, to, 'direct'))
  isConnecting = false
}
await Promise.all([node.stop(), relayed.stop()])

async function connect(from: Node, peer: string, until: 'first' | 'direct'): Promise<Connect> {
  const result = emptyResult()
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const listener = { pong() {}, direct() {}, path() {} }
  try {
    await runPings(from, { peer, count: 1, intervalMs: 1_000, until }, result, listener, signal)
  } catch (error) {
    if (!(error instanceof NatError) && !signal.aborted) throw error
  }
  if (result.connected) await (await from.connect(peer)).close()
  const { explanation, msFirstByte, msDirect, attempts } = result
  return {
    event: 'connect',
    firstByteMs: msFirstByte,
    directMs: msDirect,
    technique: explanation?.path?.technique ?? null,
    transport: explanation?.path?.transport ?? null,
    conclusion: explanation?.conclusion.code ?? null,
    attempts
  }
}
