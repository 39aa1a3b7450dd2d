import type { NetHost } from '../core/net.ts'

/** Of a hub's HTTP server: an address, and what its answer has in it. */
export interface KnownPage {
  readonly url: string
  readonly contains: string
}

/** A login page is longer, and its beginning tells enough. */
const MAX_BYTES = 65_536

/** RFC 6585 section 6: "network authentication required". */
const AUTHENTICATION_REQUIRED = 511

/**
 * Whether somebody else answers in place of a hub's HTTP server: a login page, or its redirect. Null when nobody does, or when whoever does
 * refuses in words that are not the hub's: that may be another kind of hub. Only the hub is asked.
 *
 * @throws the signal's reason
 */
export async function captivePortal(
  host: NetHost,
  { url, contains }: KnownPage,
  signal: AbortSignal
): Promise<boolean | null> {
  try {
    const { status, body } = await host.http({ url, method: 'GET', maxBytes: MAX_BYTES }, signal)
    if (body.includes(contains)) return false
    return status < 400 || status === AUTHENTICATION_REQUIRED ? true : null
  } catch (error) {
    signal.throwIfAborted()
    // more than we take is no page of the hub's
    return (error as { code?: string }).code === 'LIMIT' ? true : null
  }
}
