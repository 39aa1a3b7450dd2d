import { NatError } from '../../core/errors.ts'
import { ADDRESS_BYTES, readAddress, writeAddress } from './address.ts'
import { PCP_OPTIONS } from './codes.ts'

/** RFC 6887 section 7.3. An option that has no name here is kept as it is, so that a server can say that it does not know it. */
export type PcpOption =
  | { readonly option: 'PREFER_FAILURE' }
  /** Who may send to the mapping (section 13.3). Port 0 is any port; prefixes count the bits of an IPv4-mapped address, from 96. */
  | {
      readonly option: 'FILTER'
      readonly prefixLength: number
      readonly remotePort: number
      readonly remoteAddress: string
    }
  | { readonly option: number; readonly data: Uint8Array }

const HEADER_BYTES = 4
const FILTER_BYTES = 4 + ADDRESS_BYTES

export function encodeOption(option: PcpOption): Uint8Array {
  if (typeof option.option === 'number') return framed(option.option, (option as { data: Uint8Array }).data)
  if (option.option === 'PREFER_FAILURE') return framed(PCP_OPTIONS.PREFER_FAILURE, new Uint8Array(0))
  const data = new Uint8Array(FILTER_BYTES)
  data[1] = option.prefixLength
  new DataView(data.buffer).setUint16(2, option.remotePort)
  writeAddress(data, 4, option.remoteAddress)
  return framed(PCP_OPTIONS.FILTER, data)
}

function framed(code: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + padded(data.length))
  bytes[0] = code
  new DataView(bytes.buffer).setUint16(2, data.length)
  bytes.set(data, HEADER_BYTES)
  return bytes
}

/** @throws NatError MALFORMED */
export function decodeOptions(bytes: Uint8Array): PcpOption[] {
  const options: PcpOption[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + HEADER_BYTES > bytes.length) throw new NatError('MALFORMED', 'a PCP option without its header')
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    const end = at + HEADER_BYTES + length
    if (end > bytes.length) throw new NatError('MALFORMED', 'a PCP option longer than the message')
    options.push(decodeOption(bytes[at]!, bytes.slice(at + HEADER_BYTES, end)))
    at += HEADER_BYTES + padded(length)
  }
  return options
}

function decodeOption(code: number, data: Uint8Array): PcpOption {
  switch (code) {
    case PCP_OPTIONS.PREFER_FAILURE:
      if (data.length !== 0) throw new NatError('MALFORMED', 'PREFER_FAILURE has no data')
      return { option: 'PREFER_FAILURE' }
    case PCP_OPTIONS.FILTER:
      if (data.length !== FILTER_BYTES) throw new NatError('MALFORMED', `FILTER has ${FILTER_BYTES} bytes`)
      return {
        option: 'FILTER',
        prefixLength: data[1]!,
        remotePort: (data[2]! << 8) | data[3]!,
        remoteAddress: readAddress(data, 4)
      }
    default:
      return { option: code, data }
  }
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4
}
