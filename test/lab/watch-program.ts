/** Tells what changes in this machine's network, by JSON lines on the standard output, until its input ends. */
import { onNetworkChange } from '../../src/socket/system/watch.ts'

const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)
onNetworkChange(change => tell({ event: 'change', ...change, atMs: Date.now() }))
tell({ event: 'ready' })
process.stdin.on('end', () => process.exit()).resume()
