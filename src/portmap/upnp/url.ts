import { isSameAddress } from '../uplink.ts'

/**
 * A URL that a router gave us, or undefined when it is not to be asked: it is plain HTTP, without user and password, at the very
 * address that answered the search. So no description can send us to another machine, or by a name to anywhere. Pure.
 */
export function routerUrl(url: string, base: string | undefined, router: string): string | undefined {
  const parsed = URL.parse(url, base)
  if (parsed?.protocol !== 'http:' || parsed.username !== '' || parsed.password !== '') return undefined
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return isSameAddress(host, router) ? parsed.href : undefined
}
