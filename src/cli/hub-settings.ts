import { readFile } from 'node:fs/promises'
import { NatError } from '../core/errors.ts'
import type { AccessOptions } from '../hub/access/access.ts'
import { type HubConfig, readHubConfig } from '../hub/config.ts'
import type { RelayLimits } from '../hub/relay/limits.ts'

/** What `beeline hub` is told on the command line. What is not said there is taken from the configuration file. */
export interface HubArguments {
  readonly config?: string
  readonly host?: readonly string[]
  readonly port?: number
  readonly httpPort?: number
  readonly stunPort?: number
  readonly stunsPort?: number
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly announce?: readonly string[]
  readonly data?: string
  readonly store?: string
  readonly operatorToken?: string
  readonly trustedProxy?: readonly string[]
  readonly token?: readonly string[]
  readonly tokenFile?: string
  readonly allow?: readonly string[]
  readonly maxReservations?: number
  readonly maxCircuits?: number
  readonly circuitBytes?: number
  readonly peerBytesPerDay?: number
  readonly peerBandwidth?: number
  readonly bandwidth?: number
}

/** Who may use a hub, and how much: what may change while it runs. */
export interface HubRules {
  readonly access: AccessOptions
  readonly limits: Partial<RelayLimits>
}

export interface HubSettings extends HubRules, Omit<HubConfig, 'access' | 'limits'> {}

/** Reads the files that the arguments name. @throws NatError BAD_OPTION */
export async function hubSettings(args: HubArguments): Promise<HubSettings> {
  const config: HubConfig = args.config == null ? {} : await readHubConfig(args.config)
  const fileTokens = args.tokenFile == null ? undefined : await tokensIn(args.tokenFile)
  const given = {
    hosts: args.host,
    port: args.port,
    httpPort: args.httpPort,
    stunPort: args.stunPort,
    stunsPort: args.stunsPort,
    tlsCert: args.tlsCert,
    tlsKey: args.tlsKey,
    announce: args.announce,
    data: args.data,
    store: args.store,
    operatorToken: args.operatorToken,
    trustedProxies: args.trustedProxy
  }
  const limits = {
    maxReservations: args.maxReservations,
    maxCircuits: args.maxCircuits,
    circuitBytes: args.circuitBytes,
    peerBytesPerDay: args.peerBytesPerDay,
    peerBytesPerSecond: args.peerBandwidth,
    bytesPerSecond: args.bandwidth
  }
  const tokens = together(config.access?.tokens, args.token, fileTokens)
  const peers = together(config.access?.peers, args.allow)
  return {
    ...config,
    ...defined(given),
    access: { ...(tokens == null ? {} : { tokens }), ...(peers == null ? {} : { peers }) },
    limits: { ...config.limits, ...defined(limits) }
  }
}

/** Whoever is on any of the lists is let in. */
function together(...lists: (readonly string[] | undefined)[]): string[] | undefined {
  const given = lists.filter(each => each != null)
  return given.length === 0 ? undefined : given.flat()
}

/** One token a line; empty lines and those that begin with # do not count. */
async function tokensIn(file: string): Promise<string[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new NatError('BAD_OPTION', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
  const tokens = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  // an empty file must not open the hub to all
  if (tokens.length === 0) throw new NatError('BAD_OPTION', `${file} has no token in it: one a line`)
  return tokens
}

function defined<T extends object>(from: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
