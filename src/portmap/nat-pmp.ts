import { ipScope } from '../core/ip.ts'
import { decodeNatPmpResponse, type NatPmpResponse } from '../wire/natpmp.ts'
import type { Grant, Outcome, Wanted } from './mapping.ts'
import { quietly } from './pcp.ts'
import { natPmpRefusal } from './reason.ts'

/** Reads what came from the server: the answer to a question for its address, or for that mapping. Pure. */
export function readNatPmpAnswer(bytes: Uint8Array, about: 'address' | Wanted): NatPmpResponse | undefined {
  const response = quietly(() => decodeNatPmpResponse(bytes))
  if (response == null) return undefined
  if (about === 'address') return response.opcode === 'address' ? response : undefined
  const isOurs =
    response.opcode === about.protocol &&
    // an error may leave it out
    (!('internalPort' in response) || response.internalPort === about.internalPort)
  return isOurs ? response : undefined
}

/** The router's address outside, or why there is none. Pure. */
export function natPmpAddress(
  response: NatPmpResponse
): { readonly address: string } | Extract<Outcome, { refused: unknown }> {
  if (!('externalAddress' in response)) return { refused: natPmpRefusal(response.result) }
  const address = response.externalAddress
  if (ipScope(address) === 'unspecified') {
    return { refused: { reason: 'no-external-address', detail: `NAT-PMP has ${address} outside` } }
  }
  return { address }
}

/** What an answer means for who has asked for a mapping. Pure. */
export function natPmpOutcome(response: NatPmpResponse, internal: Grant['internal'], address: string): Outcome {
  if (!('externalPort' in response)) return { refused: natPmpRefusal(response.result) }
  if (response.externalPort === 0) return { refused: { reason: 'malformed', detail: 'NAT-PMP mapped to port 0' } }
  return {
    granted: {
      by: 'nat-pmp',
      internal,
      external: { address, port: response.externalPort },
      lifetimeSeconds: response.lifetimeSeconds
    }
  }
}
