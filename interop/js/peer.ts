import { ipScope } from '../../src/core/ip.ts'
import type { Link } from '../../src/node/link.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import type { Meeting } from './meeting.ts'
import type { Settings } from './settings.ts'

/** How long a dialer tries before the test counts as failed. */
const DEADLINE_MS = 30_000

const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`)

/** Runs until it is killed. */
export async function runListener(settings: Settings, meeting: Meeting): Promise<void> {
  const node = await startNode(settings, meeting)
  await meeting.publish('listener_peer_id', node.id)
}

/** Prints its result in YAML. @throws Error when no direct connection carries a ping in time */
export async function runDialer(settings: Settings, meeting: Meeting): Promise<void> {
  const node = await startNode(settings, meeting)
  const listener = await meeting.waitFor('listener_peer_id')
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const dialedMs = performance.now()
  await node.connect(listener, { signal })
  const startMs = performance.now()
  // resolves when a ping has come back over the direct connection
  const link = await node.connect(listener, { signal, until: 'direct' })
  const endMs = performance.now()
  if (link.path?.kind !== 'direct') throw new Error(`not direct: ${JSON.stringify(link.path)}`)
  const lines = [`handshakeTime: ${(endMs - startMs).toFixed(2)}`, `fromDial: ${(endMs - dialedMs).toFixed(2)}`]
  process.stdout.write(`# beeline dialer\n${lines.join('\n')}\nunit: ms\n`)
  await node.stop()
}

/**
 * The suite's internet is in 10.0.0.0/8: where the relay itself has a private address, those that it sees peers at are
 * private too, and have to do.
 */
async function startNode({ transport }: Settings, meeting: Meeting): Promise<Node> {
  const relay = await meeting.waitFor('relay_multiaddr')
  const host = /^\/ip[46]\/([^/]+)\//.exec(relay)?.[1]
  const node = await createNode({
    hubs: [relay],
    allowPrivate: host !== undefined && ipScope(host) === 'private',
    // what the cell is about; two of ours would take the other transport as well
    techniques: ['reverse', transport === 'tcp' ? 'punch-tcp' : 'punch-quic']
  })
  node.events.on('link', watch)
  return node
}

function watch(link: Link): void {
  log(`link with ${link.peer}: ${JSON.stringify(link.path)}`)
  link.events.on('path', path => log(`path: ${JSON.stringify(path)}`))
  link.events.on('attempt', attempt => log(`attempt: ${JSON.stringify(attempt)}`))
  link.events.on('close', () => log('closed'))
}
