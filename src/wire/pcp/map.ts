import { NatError } from '../../core/errors.ts'
import { readAddress, writeAddress } from './address.ts'
import { PCP_NONCE_BYTES } from './codes.ts'

/** What a MAP is about, in requests and answers alike (RFC 6887 section 11.1). */
export interface PcpMap {
  /** 12 random bytes that stand for the mapping: who does not know them can neither renew nor delete it. */
  readonly nonce: Uint8Array
  /** IANA's number; 0 is all of them. */
  readonly protocol: number
  readonly internalPort: number
  /** Asked for, then given. 0 in a request: any. */
  readonly externalPort: number
  /** Asked for, then given. `0.0.0.0` or `::` in a request: any of that family. */
  readonly externalAddress: string
}

export const MAP_BYTES = 36

const PROTOCOL_AT = 12
const INTERNAL_PORT_AT = 16
const EXTERNAL_PORT_AT = 18
const EXTERNAL_ADDRESS_AT = 20

/** @throws NatError MALFORMED when the nonce has another length, or the address is none */
export function encodeMap(map: PcpMap): Uint8Array {
  if (map.nonce.length !== PCP_NONCE_BYTES) {
    throw new NatError('MALFORMED', `a PCP nonce has ${PCP_NONCE_BYTES} bytes, not ${map.nonce.length}`)
  }
  const bytes = new Uint8Array(MAP_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(map.nonce)
  bytes[PROTOCOL_AT] = map.protocol
  view.setUint16(INTERNAL_PORT_AT, map.internalPort)
  view.setUint16(EXTERNAL_PORT_AT, map.externalPort)
  writeAddress(bytes, EXTERNAL_ADDRESS_AT, map.externalAddress)
  return bytes
}

/** @throws NatError MALFORMED when it is cut short */
export function decodeMap(bytes: Uint8Array): PcpMap {
  if (bytes.length < MAP_BYTES) throw new NatError('MALFORMED', `a PCP MAP has ${MAP_BYTES} bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    nonce: bytes.slice(0, PCP_NONCE_BYTES),
    protocol: bytes[PROTOCOL_AT]!,
    internalPort: view.getUint16(INTERNAL_PORT_AT),
    externalPort: view.getUint16(EXTERNAL_PORT_AT),
    externalAddress: readAddress(bytes, EXTERNAL_ADDRESS_AT)
  }
}
