import type { ProxyReport } from './report.ts'

/** In the order in which they speak of us: what we carry is encrypted, so the proxy for https is the one that would be asked. */
const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'http_proxy', 'HTTP_PROXY'] as const

/** Longer ones are no addresses, and would only fill the report. */
const MAX_LENGTH = 2_048

/**
 * The HTTP proxy that the environment names for these hosts, as curl and most programs read it; without user and password.
 *
 * @param hosts names or addresses of the hubs: a proxy that NO_PROXY excepts for all of them does not count
 */
export function proxyOf(
  environment: Readonly<Record<string, string | undefined>>,
  hosts: readonly string[]
): ProxyReport | null {
  const excepted = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '')
    .split(/[\s,]+/)
    .filter(entry => entry !== '')
    .slice(0, MAX_LENGTH)
  if (excepted.includes('*')) return null
  if (hosts.length > 0 && hosts.every(host => excepted.some(entry => excepts(entry, host)))) return null
  for (const variable of VARIABLES) {
    const url = withoutCredentials(environment[variable] ?? '')
    if (url != null) return { url, variable }
  }
  return null
}

/** `example.org` and `.example.org` stand for the name and all below it; an address stands for itself. A port is of no account. */
function excepts(entry: string, host: string): boolean {
  const name = entry
    .replace(/^\*?\./, '')
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .toLowerCase()
  const bare = name.split(':').length === 2 ? name.split(':')[0]! : name
  return host.toLowerCase() === bare || host.toLowerCase().endsWith(`.${bare}`)
}

function withoutCredentials(value: string): string | null {
  if (value === '' || value.length > MAX_LENGTH) return null
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  return url == null || url.hostname === '' ? null : `${url.protocol}//${url.host}`
}
