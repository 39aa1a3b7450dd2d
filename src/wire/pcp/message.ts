import { NatError } from '../../core/errors.ts'
import { readAddress, writeAddress } from './address.ts'
import { PCP_MAX_BYTES, PCP_OPCODES, PCP_RESULTS, PCP_VERSION, type PcpResult, pcpResult } from './codes.ts'
import { decodeMap, encodeMap, MAP_BYTES, type PcpMap } from './map.ts'
import { decodeOptions, encodeOption, type PcpOption } from './options.ts'

/** RFC 6887 section 7.1. An opcode that has no name here is kept as a number, so that a server can refuse it. */
export type PcpRequest =
  | { readonly opcode: 'ANNOUNCE'; readonly clientAddress: string; readonly options?: readonly PcpOption[] }
  | {
      readonly opcode: 'MAP'
      /** 0 deletes. */
      readonly lifetimeSeconds: number
      /** The address that the client has on its own interface. */
      readonly clientAddress: string
      readonly map: PcpMap
      readonly options?: readonly PcpOption[]
    }
  | { readonly opcode: number; readonly clientAddress: string }

/** RFC 6887 section 7.2. */
export type PcpResponse = {
  /** The name of the code, or the code where it has none. */
  readonly result: PcpResult | number
  /** Of the mapping; of an error, how long it is not worth to ask again. */
  readonly lifetimeSeconds: number
  /** Seconds since the server lost what it knew (section 8.5). */
  readonly epochSeconds: number
} & (
  | { readonly opcode: 'ANNOUNCE'; readonly options?: readonly PcpOption[] }
  | { readonly opcode: 'MAP'; readonly map: PcpMap; readonly options?: readonly PcpOption[] }
  /** What a server does not know, or an error about a request that it could not read: nothing but the header. */
  | { readonly opcode: number }
)

const HEADER_BYTES = 24
const RESPONSE_BIT = 0x80
const NO_BYTES = new Uint8Array(0)

/** @throws NatError MALFORMED when it cannot be written */
export function encodePcpRequest(request: PcpRequest): Uint8Array {
  const isMap = request.opcode === 'MAP'
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = PCP_VERSION
  header[1] = opcodeNumber(request.opcode)
  new DataView(header.buffer).setUint32(4, isMap ? request.lifetimeSeconds : 0)
  writeAddress(header, 8, request.clientAddress)
  return joined(header, isMap ? encodeMap(request.map) : NO_BYTES, optionsOf(request))
}

/** @throws NatError MALFORMED */
export function decodePcpRequest(bytes: Uint8Array): PcpRequest {
  const view = checked(bytes)
  const code = bytes[1]!
  if ((code & RESPONSE_BIT) !== 0) throw new NatError('MALFORMED', 'a PCP response where a request was expected')
  const clientAddress = readAddress(bytes, 8)
  switch (code) {
    case PCP_OPCODES.ANNOUNCE:
      return { opcode: 'ANNOUNCE', clientAddress, ...optionsFrom(bytes, HEADER_BYTES) }
    case PCP_OPCODES.MAP:
      return {
        opcode: 'MAP',
        lifetimeSeconds: view.getUint32(4),
        clientAddress,
        map: decodeMap(bytes.subarray(HEADER_BYTES)),
        ...optionsFrom(bytes, HEADER_BYTES + MAP_BYTES)
      }
    default:
      return { opcode: code, clientAddress }
  }
}

/** @throws NatError MALFORMED when it cannot be written */
export function encodePcpResponse(response: PcpResponse): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  header[0] = PCP_VERSION
  header[1] = RESPONSE_BIT | opcodeNumber(response.opcode)
  header[3] = typeof response.result === 'number' ? response.result : PCP_RESULTS[response.result]
  view.setUint32(4, response.lifetimeSeconds)
  view.setUint32(8, response.epochSeconds)
  return joined(header, response.opcode === 'MAP' ? encodeMap(response.map) : NO_BYTES, optionsOf(response))
}

/** @throws NatError MALFORMED */
export function decodePcpResponse(bytes: Uint8Array): PcpResponse {
  const view = checked(bytes)
  if ((bytes[1]! & RESPONSE_BIT) === 0) throw new NatError('MALFORMED', 'a PCP request where a response was expected')
  const code = bytes[1]! & ~RESPONSE_BIT
  const result = pcpResult(bytes[3]!)
  const head = { result, lifetimeSeconds: view.getUint32(4), epochSeconds: view.getUint32(8) }
  if (code === PCP_OPCODES.ANNOUNCE) return { opcode: 'ANNOUNCE', ...head, ...optionsFrom(bytes, HEADER_BYTES) }
  // errors come back with what the server could read of the request, which may be nothing
  if (code === PCP_OPCODES.MAP && (result === 'SUCCESS' || bytes.length >= HEADER_BYTES + MAP_BYTES)) {
    const map = decodeMap(bytes.subarray(HEADER_BYTES))
    return { opcode: 'MAP', ...head, map, ...optionsFrom(bytes, HEADER_BYTES + MAP_BYTES) }
  }
  return { opcode: code, ...head }
}

/**
 * The version that a server speaks which does not speak ours (RFC 6887 section 9): 0 is NAT-PMP, whose answer has the same code
 * in the same place (RFC 6886 section 3.5). Undefined when the bytes say no such thing.
 */
export function refusedVersion(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4 || (bytes[1]! & RESPONSE_BIT) === 0) return undefined
  return bytes[0] !== PCP_VERSION && bytes[3] === PCP_RESULTS.UNSUPP_VERSION ? bytes[0] : undefined
}

function opcodeNumber(opcode: keyof typeof PCP_OPCODES | number): number {
  return typeof opcode === 'number' ? opcode : PCP_OPCODES[opcode]
}

function checked(bytes: Uint8Array): DataView {
  if (bytes.length < HEADER_BYTES || bytes.length > PCP_MAX_BYTES || bytes.length % 4 !== 0) {
    throw new NatError('MALFORMED', `a PCP message is ${HEADER_BYTES} to ${PCP_MAX_BYTES} bytes in words of 4`)
  }
  if (bytes[0] !== PCP_VERSION) throw new NatError('MALFORMED', `PCP version ${bytes[0]}, not ${PCP_VERSION}`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The field is there when there are any, so that messages compare as they were. */
function optionsFrom(bytes: Uint8Array, offset: number): { options?: readonly PcpOption[] } {
  const options = decodeOptions(bytes.subarray(offset))
  return options.length > 0 ? { options } : {}
}

function optionsOf(message: PcpRequest | PcpResponse): Uint8Array[] {
  return 'options' in message ? (message.options ?? []).map(encodeOption) : []
}

function joined(header: Uint8Array, payload: Uint8Array, options: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat([header, payload, ...options])
  if (bytes.length > PCP_MAX_BYTES) throw new NatError('MALFORMED', `a PCP message has ${PCP_MAX_BYTES} bytes at most`)
  return new Uint8Array(bytes)
}
