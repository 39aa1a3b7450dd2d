import { readFile } from 'node:fs/promises'
import { NatError } from '../core/errors.ts'
import { startHub } from '../hub/hub.ts'
import { listenError } from '../hub/listen-error.ts'
import { EXIT, type Output } from './output.ts'
import { aborted, stopSignal } from './stop-signal.ts'

export interface HubArguments {
  readonly host: readonly string[]
  readonly port: number
  readonly httpPort: number
  readonly stunPort?: number
  readonly stunsPort: number
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly announce?: readonly string[]
  readonly data?: string
}

/** Runs a hub until it is stopped. @returns the exit code */
export async function hub(out: Output, args: HubArguments): Promise<number> {
  const stopped = stopSignal()
  const tls = await certificate(args)
  const running = await startHub({
    hosts: args.host,
    port: args.port,
    httpPort: args.httpPort,
    stunsPort: args.stunsPort,
    announce: args.announce ?? [],
    ...(args.stunPort == null ? {} : { stunPort: args.stunPort }),
    ...(tls == null ? {} : { tls }),
    ...(args.data == null ? {} : { dataDir: args.data })
  }).catch(error => {
    throw listenError(error)
  })
  const host = args.announce?.[0] ?? args.host[0] ?? '0.0.0.0'
  const http = `http://${host.includes(':') ? `[${host}]` : host}:${running.httpPort}`
  const lines = running.addrs.map(address => `  ${address}`)
  out.event(
    {
      event: 'ready',
      id: running.id,
      addrs: running.addrs,
      http,
      stun: running.stun,
      ...(tls == null ? {} : { stuns: running.stuns })
    },
    `${out.colors.green('hub')} ${running.id}\n${lines.join('\n')}\nSTUN at ${running.stun.join(', ')}\npeers come with: beeline up --hub ADDRESS`
  )
  await aborted(stopped)
  await running.stop()
  return EXIT.done
}

/** What `--tls-cert` and `--tls-key` name. @throws NatError BAD_KEY */
async function certificate({ tlsCert, tlsKey }: HubArguments): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (tlsCert == null && tlsKey == null) return undefined
  if (tlsCert == null || tlsKey == null) {
    throw new NatError(
      'BAD_KEY',
      'a certificate needs its key, and a key its certificate: give --tls-cert and --tls-key'
    )
  }
  const [cert, key] = await Promise.all([tlsCert, tlsKey].map(pem))
  return { cert: cert!, key: key! }
}

async function pem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new NatError('BAD_KEY', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}
