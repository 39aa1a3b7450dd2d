import { isIPv6 } from 'node:net'
import { NatError } from '../core/errors.ts'
import { ipScope } from '../core/ip.ts'
import type { Family } from '../core/net.ts'
import { IP_PROTOCOLS } from '../wire/pcp/codes.ts'
import { decodePcpResponse, encodePcpRequest, type PcpResponse, refusedVersion } from '../wire/pcp/message.ts'
import type { Ask, Grant, Outcome, Wanted } from './mapping.ts'
import { pcpRefusal } from './reason.ts'

/** What a server on PCP's port says to a MAP of ours. */
export type PcpAnswer = { readonly response: PcpResponse } | { readonly version: number }

const ANY_ADDRESS = { 4: '0.0.0.0', 6: '::' } as const

/** A request to make, renew or (lifetime 0) delete a mapping; `nonce` stays the same for all of them (RFC 6887 section 11.2). */
export function pcpRequest(ask: Ask, client: string, family: Family, nonce: Uint8Array, held: Grant | undefined) {
  const { protocol, internalPort, externalPort, lifetimeSeconds } = ask
  // a deletion names neither port nor address, only the address's family (section 15.1, erratum 3621)
  const isDeletion = lifetimeSeconds === 0
  const outside = held == null ? family : isIPv6(held.external.address) ? 6 : 4
  return encodePcpRequest({
    opcode: 'MAP',
    lifetimeSeconds,
    clientAddress: client,
    map: {
      nonce,
      protocol: IP_PROTOCOLS[protocol],
      internalPort,
      externalPort: isDeletion ? 0 : externalPort,
      // a renewal names what it renews, so that a router that has forgotten gives the same again (section 11.2.1)
      externalAddress: isDeletion || held == null ? ANY_ADDRESS[outside] : held.external.address
    }
  })
}

/** Reads what came from the server: an answer to that MAP, or that it speaks another version. Pure. */
export function readPcpAnswer(bytes: Uint8Array, wanted: Wanted, nonce: Uint8Array): PcpAnswer | undefined {
  const version = refusedVersion(bytes)
  if (version != null) return { version }
  const response = quietly(() => decodePcpResponse(bytes))
  if (response == null) return undefined
  if (response.opcode === 'MAP') {
    const { map } = response
    const isOurs =
      Buffer.compare(map.nonce, nonce) === 0 &&
      map.protocol === IP_PROTOCOLS[wanted.protocol] &&
      map.internalPort === wanted.internalPort
    return isOurs ? { response } : undefined
  }
  // an error without the request in it may be about this one, and about nothing else that we have sent
  return response.opcode !== 'ANNOUNCE' && response.result !== 'SUCCESS' ? { response } : undefined
}

/** What an answer means for who has asked. Pure. */
export function pcpOutcome(response: PcpResponse, internal: Grant['internal']): Outcome {
  if (response.result !== 'SUCCESS' || response.opcode !== 'MAP') {
    return { refused: pcpRefusal(response.result, response.lifetimeSeconds) }
  }
  const { externalAddress, externalPort } = response.map
  if (externalPort === 0) return { refused: { reason: 'malformed', detail: 'PCP mapped to port 0' } }
  if (ipScope(externalAddress) === 'unspecified') {
    return { refused: { reason: 'no-external-address', detail: `PCP mapped to ${externalAddress}` } }
  }
  return {
    granted: {
      by: 'pcp',
      internal,
      external: { address: externalAddress, port: externalPort },
      lifetimeSeconds: response.lifetimeSeconds
    }
  }
}

/** What cannot be read is no answer: anybody can send it. */
export function quietly<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}
