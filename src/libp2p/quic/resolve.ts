import { lookup } from 'node:dns/promises'
import type { Multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'
import { peerOf, quicMultiaddr } from './address.ts'

/** The families that each kind of name is looked up in; 0 takes what the system prefers. */
const FAMILIES: Readonly<Record<string, 0 | 4 | 6>> = { dns: 0, dns4: 4, dns6: 6 }

/** Whether the address begins with a name that `lookup` can find. */
export function isNamed(address: Multiaddr): boolean {
  return FAMILIES[address.getComponents()[0]?.name ?? ''] != null
}

/**
 * The same address with a literal IP instead of a name, by the system's resolver.
 *
 * @throws NatError BAD_ADDRESS when there is no such name; the signal's reason
 */
export async function resolved(address: Multiaddr, signal: AbortSignal): Promise<Multiaddr> {
  const [host, udp] = address.getComponents()
  if (host?.value == null || udp?.value == null || !isNamed(address)) return address
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const found = await Promise.race([lookup(host.value, { family: FAMILIES[host.name] ?? 0 }), promise])
    return quicMultiaddr({ address: found.address, port: Number(udp.value) }, peerOf(address))
  } catch (cause) {
    signal.throwIfAborted()
    const { code } = cause as NodeJS.ErrnoException
    throw new NatError('BAD_ADDRESS', `the name ${host.value} of ${address} does not resolve (${code})`, { cause })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
