/**
 * A peer in a lab: tells whether it can be reached, with the addresses that it announces then. Given another peer's id, it
 * connects to that one, and tells what was tried.
 */
import { createNode } from '../../src/node/node.ts'

const [hub, peer] = process.argv.slice(2)
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

const node = await createNode({ hubs: [hub!] })
const known = Promise.withResolvers<void>()
node.events.on('link', ({ peer, events }) => {
  tell({ event: 'link', peer })
  events.on('attempt', attempt => tell({ event: 'attempt', ...attempt }))
})
node.events.on('reachability', ({ ip4 }) => {
  const addrs = node.addrs.map(address => address.replace(/\/p2p\/[^/]+$/, ''))
  tell({ event: 'reachability', ip4, addrs })
  known.resolve()
})
await known.promise
if (peer != null) {
  const path = await node.connect(peer, { until: 'direct' }).then(
    () => 'direct',
    error => error.code
  )
  tell({ event: 'connected', path })
}
