/**
 * A port mapper of this machine, told what to do by lines on the standard input (`map udp 4001`, `probe`, `stop`), telling what
 * happens by JSON lines on the standard output. Arguments: the address families.
 */
import { createInterface } from 'node:readline'
import type { Family } from '../../src/core/net.ts'
import { PortMapper, probePortMapping } from '../../src/portmap/index.ts'
import { systemHost } from '../../src/socket/system/host.ts'

const families = process.argv.slice(2).map(Number) as Family[]
const mapper = new PortMapper(systemHost, { families })
const tell = (event: string, value: object) => process.stdout.write(`${JSON.stringify({ event, ...value })}\n`)
for (const event of ['mapped', 'lost', 'failed'] as const) mapper.events.on(event, value => tell(event, value))

// timers of the mapper do not keep a program alive; the open input does
createInterface({ input: process.stdin }).on('line', async line => {
  const [command, protocol, port] = line.split(' ')
  switch (command) {
    case 'map':
      mapper.map({ protocol: protocol === 'tcp' ? 'tcp' : 'udp', internalPort: Number(port) })
      break
    case 'probe': {
      const startMs = performance.now()
      const probe = await probePortMapping(systemHost, new AbortController().signal)
      tell('probed', { ...probe, ms: performance.now() - startMs })
      break
    }
    case 'stop':
      await mapper.stop()
      tell('stopped', {})
      process.exit()
  }
})
tell('ready', {})
