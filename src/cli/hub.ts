import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { type Hub, startHub } from '../hub/hub.ts'
import { listenError } from '../hub/listen-error.ts'
import { defaultKeyFile } from '../node/key.ts'
import { watchStore } from './hub-health.ts'
import { type HubArguments, type HubSettings, hubSettings } from './hub-settings.ts'
import { complain, EXIT, type Output } from './output.ts'
import { aborted, stopSignal } from './stop-signal.ts'

/** Runs a hub until it is stopped. @returns the exit code */
export async function hub(out: Output, args: HubArguments): Promise<number> {
  const rereads = args.config != null || args.tokenFile != null
  const stopped = rereads ? stopSignal(['SIGINT', 'SIGTERM']) : stopSignal()
  const settings = await hubSettings(args)
  const { data, tlsCert: _cert, tlsKey: _key, ...options } = settings
  const tls = await certificate(settings)
  const running = await startHub({
    ...options,
    ...(tls == null ? {} : { tls }),
    dataDir: data ?? dirname(defaultKeyFile('hub'))
  }).catch(error => {
    throw listenError(error)
  })
  const onHangup = () => void reread(out, args, running)
  if (rereads) process.on('SIGHUP', onHangup)
  const host = settings.announce?.[0] ?? settings.hosts?.[0] ?? '0.0.0.0'
  const http = `http://${host.includes(':') ? `[${host}]` : host}:${running.httpPort}`
  const lines = running.addrs.map(address => `  ${address}`)
  const { tokens, peers } = settings.access
  const token = tokens == null ? '' : ' --token TOKEN'
  out.event(
    {
      event: 'ready',
      id: running.id,
      addrs: running.addrs,
      http,
      stun: running.stun,
      ...(tls == null ? {} : { stuns: running.stuns }),
      access: tokens == null && peers == null ? 'open' : 'restricted'
    },
    `${out.colors.green('hub')} ${running.id}\n${lines.join('\n')}\nSTUN at ${running.stun.join(', ')}\npeers come with: beeline up --hub ADDRESS${token}`
  )
  void watchStore(out, running, realClock, stopped)
  await aborted(stopped)
  process.off('SIGHUP', onHangup)
  await running.stop()
  return EXIT.done
}

/** Who may use the hub, and how much, as the files have it now. What is wrong with them is said, and changes nothing. */
async function reread(out: Output, args: HubArguments, running: Hub): Promise<void> {
  try {
    running.change(await hubSettings(args))
    out.event(
      { event: 'reread' },
      out.colors.dim('who may use this hub, and its limits, are as the files have them now')
    )
  } catch (error) {
    complain(`nothing is changed: ${(error as Error).message}`)
  }
}

/** What `--tls-cert` and `--tls-key` name. @throws NatError BAD_KEY */
async function certificate({ tlsCert, tlsKey }: HubSettings): Promise<{ cert: Buffer; key: Buffer } | undefined> {
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
