import { NatError } from '../core/errors.ts'

/** NAT Port Mapping Protocol, RFC 6886. Its server's port, and that of its announcements, are PCP's. */

export const NAT_PMP_VERSION = 0

/** Section 3.5. */
export const NAT_PMP_RESULTS = {
  SUCCESS: 0,
  UNSUPPORTED_VERSION: 1,
  NOT_AUTHORIZED: 2,
  NETWORK_FAILURE: 3,
  OUT_OF_RESOURCES: 4,
  UNSUPPORTED_OPCODE: 5
} as const
export type NatPmpResult = keyof typeof NAT_PMP_RESULTS

/** `address` asks for the router's public address. An opcode that has no name here is kept as a number, to be refused. */
export type NatPmpRequest =
  | { readonly opcode: 'address' }
  | {
      readonly opcode: 'udp' | 'tcp'
      readonly internalPort: number
      /** 0: any. */
      readonly externalPort: number
      /** 0 deletes (section 3.4). */
      readonly lifetimeSeconds: number
    }
  | { readonly opcode: number }

/** A response; an error has nothing but the header, whatever follows it on the wire. */
export type NatPmpResponse = { readonly epochSeconds: number } & (
  | { readonly opcode: 'address'; readonly result: 'SUCCESS'; readonly externalAddress: string }
  | {
      readonly opcode: 'udp' | 'tcp'
      readonly result: 'SUCCESS'
      readonly internalPort: number
      readonly externalPort: number
      readonly lifetimeSeconds: number
    }
  | {
      readonly opcode: 'address' | 'udp' | 'tcp' | number
      readonly result: Exclude<NatPmpResult, 'SUCCESS'> | number
      /** Which mapping it is about, where the server says so. */
      readonly internalPort?: number
    }
)

const OPCODES = { address: 0, udp: 1, tcp: 2 } as const
const RESPONSE = 128
const REQUEST_BYTES = { address: 2, map: 12 } as const
const RESPONSE_BYTES = { error: 8, address: 12, map: 16 } as const

const OPCODE_NAMES = new Map(
  Object.entries(OPCODES).map(([name, code]) => [code as number, name as keyof typeof OPCODES])
)
const RESULT_NAMES = new Map(
  Object.entries(NAT_PMP_RESULTS).map(([name, code]) => [code as number, name as NatPmpResult])
)

export function encodeNatPmpRequest(request: NatPmpRequest): Uint8Array {
  if (request.opcode !== 'udp' && request.opcode !== 'tcp') {
    return Uint8Array.of(NAT_PMP_VERSION, numberOf(request.opcode))
  }
  const { internalPort, externalPort, lifetimeSeconds } = request as Extract<NatPmpRequest, { internalPort: number }>
  const bytes = new Uint8Array(REQUEST_BYTES.map)
  const view = new DataView(bytes.buffer)
  bytes[1] = OPCODES[request.opcode]
  view.setUint16(4, internalPort)
  view.setUint16(6, externalPort)
  view.setUint32(8, lifetimeSeconds)
  return bytes
}

/** @throws NatError MALFORMED */
export function decodeNatPmpRequest(bytes: Uint8Array): NatPmpRequest {
  const view = checked(bytes, REQUEST_BYTES.address)
  const code = bytes[1]!
  if (code >= RESPONSE) throw new NatError('MALFORMED', 'a NAT-PMP response where a request was expected')
  const opcode = OPCODE_NAMES.get(code) ?? code
  if (opcode !== 'udp' && opcode !== 'tcp') return { opcode }
  if (bytes.length < REQUEST_BYTES.map) throw new NatError('MALFORMED', 'a NAT-PMP request for a mapping is cut short')
  return {
    opcode,
    internalPort: view.getUint16(4),
    externalPort: view.getUint16(6),
    lifetimeSeconds: view.getUint32(8)
  }
}

/** @throws NatError MALFORMED when the address is not an IPv4 one */
export function encodeNatPmpResponse(response: NatPmpResponse): Uint8Array {
  const bytes = new Uint8Array(lengthOf(response))
  const view = new DataView(bytes.buffer)
  const { opcode, result } = response
  bytes[1] = RESPONSE + numberOf(opcode)
  view.setUint16(2, typeof result === 'number' ? result : NAT_PMP_RESULTS[result])
  view.setUint32(4, response.epochSeconds)
  if ('externalAddress' in response) bytes.set(ipv4Bytes(response.externalAddress), 8)
  if ('internalPort' in response) view.setUint16(8, response.internalPort)
  if ('externalPort' in response) {
    view.setUint16(10, response.externalPort)
    view.setUint32(12, response.lifetimeSeconds)
  }
  return bytes
}

/** @throws NatError MALFORMED */
export function decodeNatPmpResponse(bytes: Uint8Array): NatPmpResponse {
  const view = checked(bytes, RESPONSE_BYTES.error)
  if (bytes[1]! < RESPONSE) throw new NatError('MALFORMED', 'a NAT-PMP request where a response was expected')
  const code = bytes[1]! - RESPONSE
  const opcode = OPCODE_NAMES.get(code) ?? code
  const result = RESULT_NAMES.get(view.getUint16(2)) ?? view.getUint16(2)
  const epochSeconds = view.getUint32(4)
  const isMap = opcode === 'udp' || opcode === 'tcp'
  if (result !== 'SUCCESS') {
    const about = isMap && bytes.length >= RESPONSE_BYTES.map ? { internalPort: view.getUint16(8) } : {}
    return { opcode, result, epochSeconds, ...about }
  }
  if (isMap && bytes.length >= RESPONSE_BYTES.map) {
    return {
      opcode,
      result,
      epochSeconds,
      internalPort: view.getUint16(8),
      externalPort: view.getUint16(10),
      lifetimeSeconds: view.getUint32(12)
    }
  }
  if (opcode === 'address' && bytes.length >= RESPONSE_BYTES.address) {
    return { opcode, result, epochSeconds, externalAddress: bytes.subarray(8, 12).join('.') }
  }
  throw new NatError('MALFORMED', 'a NAT-PMP answer that is cut short, or to nothing that can be asked')
}

/** Messages are 16 bytes at most; some routers send more, which says nothing. */
function checked(bytes: Uint8Array, least: number): DataView {
  if (bytes.length < least) throw new NatError('MALFORMED', `a NAT-PMP message has ${least} bytes or more`)
  if (bytes[0] !== NAT_PMP_VERSION) throw new NatError('MALFORMED', `NAT-PMP version ${bytes[0]}`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function numberOf(opcode: keyof typeof OPCODES | number): number {
  return typeof opcode === 'number' ? opcode : OPCODES[opcode]
}

function lengthOf(response: NatPmpResponse): number {
  if ('internalPort' in response) return RESPONSE_BYTES.map
  return 'externalAddress' in response ? RESPONSE_BYTES.address : RESPONSE_BYTES.error
}

function ipv4Bytes(address: string): number[] {
  const bytes = address.split('.').map(Number)
  if (bytes.length !== 4 || !bytes.every(byte => Number.isInteger(byte) && byte >= 0 && byte <= 255)) {
    throw new NatError('MALFORMED', `'${address}' is not an IPv4 address`)
  }
  return bytes
}
