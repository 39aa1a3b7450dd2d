import colors from 'picocolors'
import { startHub } from '../hub/hub.ts'
import { type Output, untilStopped } from './output.ts'

export interface HubArguments {
  readonly host: readonly string[]
  readonly port: number
  readonly httpPort: number
  readonly announce?: readonly string[]
  readonly data?: string
}

export async function hub(out: Output, args: HubArguments): Promise<void> {
  const running = await startHub({
    hosts: args.host,
    port: args.port,
    httpPort: args.httpPort,
    announce: args.announce ?? [],
    ...(args.data == null ? {} : { dataDir: args.data })
  })
  const host = args.announce?.[0] ?? args.host[0] ?? '0.0.0.0'
  const http = `http://${host.includes(':') ? `[${host}]` : host}:${args.httpPort}`
  const lines = running.addrs.map(address => `  ${address}`)
  out.event(
    { event: 'ready', id: running.id, addrs: running.addrs, http, stun: [] },
    `${colors.green('hub')} ${running.id}\n${lines.join('\n')}\npeers come with: beeline up --hub ADDRESS`
  )
  await untilStopped()
  await running.stop()
}
