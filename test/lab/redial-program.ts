/** A peer in a lab that connects to another one by punching TCP, closes, and does so again at once, as often as it is told. */
import { createNode } from '../../src/node/node.ts'

const [hub, peer, times] = process.argv.slice(2)
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

const node = await createNode({ hubs: [hub!], techniques: ['punch-tcp'] })
for (let time = 1; time <= Number(times); time++) {
  const startMs = performance.now()
  try {
    const link = await node.connect(peer!, { until: 'direct' })
    const { technique } = link.history.at(-1) ?? {}
    tell({ event: 'connected', time, path: link.path, technique, ms: Math.round(performance.now() - startMs) })
    await link.close()
  } catch (error) {
    tell({ event: 'failed', time, error: String(error) })
  }
}
await node.stop()
