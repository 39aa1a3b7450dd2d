// A technique of one's own: an address book. Whoever is in it is looked for where it says: in a VPN, or at a port that a router forwards.
import { readFile } from 'node:fs/promises'
import { createNode, type Technique } from 'beeline'

const [hub = '', book = '', peer] = process.argv.slice(2)

/** Of each peer id the address and the port that its node has there. */
const known: Record<string, { address: string; port: number }> = JSON.parse(await readFile(book, 'utf8'))

const addressBook: Technique = {
  name: 'address-book',
  // a packet or two, and an answer at once: it begins with the cheap ones, and asks nobody
  cost: 4,
  typicalMs: 100,
  sides: 'one',
  fits: (_mine, _theirs, peer = '') =>
    Object.hasOwn(known, peer) ? { fits: true, why: 'suits' } : { fits: false, why: 'suits-not' },
  async attempt(context) {
    // to a peer of another kind there is no link whose paths could be looked for
    if (context.on !== 'link') return { outcome: 'skipped', reason: 'needs-link' }
    const { address, port } = known[context.peer]!
    // checked by the link's own signed packets, so that it does not matter who else is there now
    context.addTarget({ address, port })
    await context.found
    return { outcome: 'ok', reason: 'connected', detail: `${address} ${port}` }
  }
}

const node = await createNode({ hubs: [hub], extraTechniques: [addressBook] })
console.log(`I am ${node.id}`)
for (const address of node.addrs) console.log(`at ${address}`)

await node.handle('/hello/1.0.0', async stream => {
  stream.send(new TextEncoder().encode('hello'))
  await stream.close()
})

if (peer != null) {
  const link = await node.connect(peer, { until: 'direct' })
  console.log(`direct by ${link.explain().path?.technique}`)
  for (const { technique, outcome, reason } of link.explain().attempts)
    console.log(`${technique}: ${outcome}, ${reason}`)
  await node.stop()
}
