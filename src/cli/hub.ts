import { startHub } from '../hub/hub.ts'
import { listenError } from '../hub/listen-error.ts'
import { EXIT, type Output } from './output.ts'
import { aborted, stopSignal } from './stop-signal.ts'

export interface HubArguments {
  readonly host: readonly string[]
  readonly port: number
  readonly httpPort: number
  readonly announce?: readonly string[]
  readonly data?: string
}

/** Runs a hub until it is stopped. @returns the exit code */
export async function hub(out: Output, args: HubArguments): Promise<number> {
  const stopped = stopSignal()
  const running = await startHub({
    hosts: args.host,
    port: args.port,
    httpPort: args.httpPort,
    announce: args.announce ?? [],
    ...(args.data == null ? {} : { dataDir: args.data })
  }).catch(error => {
    throw listenError(error)
  })
  const host = args.announce?.[0] ?? args.host[0] ?? '0.0.0.0'
  const http = `http://${host.includes(':') ? `[${host}]` : host}:${running.httpPort}`
  const lines = running.addrs.map(address => `  ${address}`)
  out.event(
    { event: 'ready', id: running.id, addrs: running.addrs, http, stun: [] },
    `${out.colors.green('hub')} ${running.id}\n${lines.join('\n')}\npeers come with: beeline up --hub ADDRESS`
  )
  await aborted(stopped)
  await running.stop()
  return EXIT.done
}
