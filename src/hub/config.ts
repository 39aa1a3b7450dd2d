import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import { NatError } from '../core/errors.ts'
import { tokenProblem } from '../core/token.ts'
import type { AccessOptions } from './access/access.ts'
import { accessOf } from './access/index.ts'
import { limitsOf, type RelayLimits } from './relay/limits.ts'

/** What a hub's configuration file may say: the flags of `beeline hub`, and who may use it and how much. All of it may be left out. */
export interface HubConfig {
  readonly hosts?: readonly string[]
  readonly port?: number
  readonly httpPort?: number
  readonly stunPort?: number
  readonly stunsPort?: number
  /** Files, from the folder of the configuration file. */
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly data?: string
  readonly announce?: readonly string[]
  readonly store?: string
  readonly operatorToken?: string
  readonly trustedProxies?: readonly string[]
  readonly access?: AccessOptions
  readonly limits?: Partial<RelayLimits>
}

type Key = keyof HubConfig
/** @returns what a value is that it should be, when it is not. Values themselves are not told: some are secret. */
type Check = (value: unknown) => string | undefined

const isText: Check = value => (typeof value === 'string' && value !== '' ? undefined : 'a text')
const isPort: Check = value =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535 ? undefined : 'a port, 0 to 65535'
const isTexts: Check = value =>
  Array.isArray(value) && value.every(each => isText(each) == null) ? undefined : 'a list of texts'
const isIps: Check = value =>
  Array.isArray(value) && value.length > 0 && value.every(each => typeof each === 'string' && isIP(each) !== 0)
    ? undefined
    : 'a list of IP addresses'
const isToken: Check = value => (tokenProblem(value) == null ? undefined : 'a token: letters, digits and - . _ ~ + /')
const isObject: Check = value =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object'

const CHECKS: Readonly<Record<Key, Check>> = {
  hosts: isIps,
  port: isPort,
  httpPort: isPort,
  stunPort: isPort,
  stunsPort: isPort,
  tlsCert: isText,
  tlsKey: isText,
  data: isText,
  announce: isIps,
  store: isText,
  operatorToken: isToken,
  trustedProxies: isTexts,
  access: isObject,
  limits: isObject
}
const ACCESS_CHECKS: Readonly<Record<keyof AccessOptions, Check>> = { tokens: isTexts, peers: isTexts }
const PATHS: readonly Key[] = ['tlsCert', 'tlsKey', 'data']

/** @throws NatError BAD_OPTION, which names the file and the key */
export async function readHubConfig(file: string): Promise<HubConfig> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new NatError('BAD_OPTION', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
  try {
    return located(hubConfigIn(text), dirname(file))
  } catch (cause) {
    throw new NatError('BAD_OPTION', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** @throws NatError BAD_OPTION, which names the key */
export function hubConfigIn(text: string): HubConfig {
  const config = checked('', parsed(text), CHECKS) as HubConfig
  if (config.access != null) {
    checked('access.', config.access, ACCESS_CHECKS)
    accessOf(config.access)
  }
  limitsOf(config.limits)
  return config
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // what V8 says of it has a piece of the text in it, which may be a token
    const line = /line (\d+)/.exec((cause as Error).message)?.[1]
    throw new NatError('BAD_OPTION', `it is no JSON${line == null ? '' : `: look at line ${line}`}`)
  }
}

function checked(prefix: string, value: unknown, checks: Readonly<Record<string, Check>>): object {
  if (isObject(value) != null) throw new NatError('BAD_OPTION', 'it has to be one object: { "port": 4001, … }')
  for (const [key, each] of Object.entries(value as object)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined
    if (check == null) {
      throw new NatError('BAD_OPTION', `${prefix}${key} is unknown: there are ${Object.keys(checks).join(', ')}`)
    }
    const should = check(each)
    if (should != null) throw new NatError('BAD_OPTION', `${prefix}${key} has to be ${should}`)
  }
  return value as object
}

function located(config: HubConfig, folder: string): HubConfig {
  const paths = PATHS.filter(key => config[key] != null).map(key => [key, resolve(folder, String(config[key]))])
  return { ...config, ...Object.fromEntries(paths) }
}
