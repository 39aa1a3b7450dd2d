/** A peer in a lab that tells when its network changes, and when a hub has its reservation, until it is ended. */
import { answerPings } from '../../src/cli/ping-protocol.ts'
import { createNode } from '../../src/node/node.ts'

const tell = (event: object) => process.stdout.write(`${JSON.stringify({ ...event, atMs: Date.now() })}\n`)

const node = await createNode({ hubs: process.argv.slice(2) })
node.events.on('network', change => tell({ event: 'network', ...change }))
node.events.on('reservation', reservation => tell({ event: 'reservation', ...reservation }))
await answerPings(node)
tell({ event: 'ready', id: node.id })
