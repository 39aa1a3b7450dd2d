import { createNode } from 'beeline'

const [hub = '', peer] = process.argv.slice(2)
const node = await createNode({ hubs: [hub] })
console.log(`I am ${node.id}`)

await node.handle('/hello/1.0.0', async stream => {
  stream.send(new TextEncoder().encode('hello'))
  await stream.close()
})

if (peer != null) {
  const link = await node.connect(peer)
  link.events.on('path', path => console.log(`now ${path.kind}, by ${path.transport}`))
  const stream = await link.openStream('/hello/1.0.0')
  for await (const bytes of stream) console.log(new TextDecoder().decode(bytes.subarray()))
  await node.stop()
}
