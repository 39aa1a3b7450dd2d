/** Examines the network that it runs in by one STUN server (`address port [full]`), and prints the report. */
import { examine } from '../../src/nat/examine.ts'
import { systemHost } from '../../src/socket/system/host.ts'

const [address = '', port = '', full] = process.argv.slice(2)
// nothing of the examination itself keeps a program alive
const alive = setInterval(() => {}, 1_000)
const startMs = performance.now()
const servers = address.split(',').map(each => ({ address: each, port: Number(port) }))
const report = await examine({ host: systemHost, servers, full: full === 'full' })
const tookMs = performance.now() - startMs
process.stdout.write(`${JSON.stringify({ report, tookMs })}\n`)
clearInterval(alive)
