import { NatError } from '../../core/errors.ts'

/** Where a Redis server or the nodes of a cluster are, and how to log in. */
export interface RedisAddress {
  readonly kind: 'server' | 'cluster'
  readonly tls: boolean
  readonly nodes: readonly RedisNode[]
  readonly username?: string
  readonly password?: string
  /** Of a server; clusters have one. */
  readonly database: number
}

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const DEFAULT_PORT = 6_379

const FORMS =
  'redis://[user:password@]host[:port][/database], rediss:// for TLS, or redis+cluster://host:port,host:port'

/** What stores can be told by an address that begins like that. */
export function isRedisUrl(url: string): boolean {
  return /^rediss?(\+cluster)?:\/\//.test(url)
}

/**
 * Reads `redis://`, `rediss://`, `redis+cluster://` and `rediss+cluster://`. The text itself is in no error: it may have a password.
 *
 * @throws NatError BAD_OPTION
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme = '', login, nodes = '', path = ''] =
    /^(rediss?(?:\+cluster)?):\/\/(?:([^/]*)@)?([^/@?#]+)(?:\/(\d*))?$/.exec(url) ?? []
  if (scheme === '') throw bad('an address that cannot be read')
  const kind = scheme.endsWith('+cluster') ? 'cluster' : 'server'
  const list = nodes.split(',').map(node)
  if (kind === 'server' && list.length > 1) throw bad('several hosts, which only a cluster has')
  if (kind === 'cluster' && path !== '' && path !== '0') throw bad('a database, of which a cluster has only one')
  return {
    kind,
    tls: scheme.startsWith('rediss'),
    nodes: list,
    database: Number(path),
    ...credentials(login)
  }
}

function node(text: string): RedisNode {
  const [, v6, name, port = `${DEFAULT_PORT}`] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = v6 ?? name
  if (host == null || Number(port) < 1 || Number(port) > 65_535) throw bad('a host or a port that cannot be read')
  return { host, port: Number(port) }
}

function credentials(login: string | undefined): { username?: string; password?: string } {
  if (login == null) return {}
  const colon = login.indexOf(':')
  try {
    const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon))
    const password = colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1))
    return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
  } catch {
    throw bad('a user or a password whose percent signs stand for nothing')
  }
}

/** As people and logs may see it. */
export function addressText({ kind, nodes }: RedisAddress): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  return kind === 'cluster' ? `the Redis cluster ${hosts.join(', ')}` : `Redis at ${hosts[0]}`
}

function bad(what: string): NatError {
  return new NatError('BAD_OPTION', `the address of the store has ${what}: it may be ${FORMS}`)
}
