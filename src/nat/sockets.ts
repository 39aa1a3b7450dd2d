import type { Family, NetHost, UdpSocket } from '../core/net.ts'

/** The dynamic ports (RFC 6335 section 6). */
const FIRST_PORT = 49_152
const LAST_PORT = 65_535
/** Both kinds of neighbours, equal and different: a NAT that keeps parity goes by another step from odd to even than from odd to odd. */
const PARITIES = [1, 0, 0, 1, 1, 0] as const

/** How many sockets tell how ports are chosen: a row of five jumps, and a parity that is right by chance once in 64 times. */
export const FRESH_SOCKETS = PARITIES.length

/**
 * Sockets that have spoken to nobody, on ports far apart: a NAT that adds a number to the private port would be taken for one that counts
 * if they were neighbours. Fewer than asked for when the system gives no more.
 */
export async function freshSockets(host: NetHost, family: Family): Promise<UdpSocket[]> {
  const slot = Math.floor((LAST_PORT - FIRST_PORT + 1) / FRESH_SOCKETS)
  const opened = await Promise.allSettled(
    PARITIES.map((parity, index) => {
      const first = FIRST_PORT + index * slot
      // the slots begin at even ports, and two thirds of each are used, so that neighbours are a third apart at least
      const port = (first & ~1) + 2 * host.random.int(0, Math.floor(slot / 3) - 1) + parity
      return host.udp({ family, port }).catch(() => host.udp({ family }))
    })
  )
  return opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
}
