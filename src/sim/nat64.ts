import ipaddr from 'ipaddr.js'

/** The well-known prefix (RFC 6052 section 2.1), whose last 32 bits are the IPv4 address. */
const PREFIX = '64:ff9b::'

/** The IPv6 address by which hosts behind a NAT64 reach an IPv4 one. */
export function embedIpv4(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return ipaddr.parse(`${PREFIX}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`).toString()
}

/** The IPv4 address in an IPv6 one; undefined where there is none. */
export function embeddedIpv4(address: string): string | undefined {
  if (!address.startsWith(PREFIX)) return undefined
  return ipaddr.parse(address).toByteArray().slice(12).join('.')
}
