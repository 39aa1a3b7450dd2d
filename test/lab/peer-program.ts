/**
 * A peer in a lab: tells each reachability with the addresses that it announces then. Given another peer's id, it connects to
 * it once it knows whether it can be reached itself, and tells what was tried.
 */
import { createNode } from '../../src/node/node.ts'

const [hub, peer] = process.argv.slice(2)
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

const node = await createNode({ hubs: [hub!] })
const known = Promise.withResolvers<void>()
node.events.on('link', ({ peer }) => tell({ event: 'link', peer }))
node.events.on('reachability', ({ ip4 }) => {
  tell({ event: 'reachability', ip4, addrs: node.addrs })
  known.resolve()
})
tell({ event: 'ready', id: node.id })
await known.promise
if (peer != null) {
  const link = await node.connect(peer, { until: 'direct' })
  tell({ event: 'direct', remote: link.path?.remote, attempts: link.attempts })
}
