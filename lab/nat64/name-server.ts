import ipaddr from 'ipaddr.js'
import { embedIpv4 } from '../../src/sim/nat64.ts'

/** The names that a server knows, in lower case, and what addresses they have. */
export type Names = Readonly<Record<string, { readonly ip4: readonly string[]; readonly ip6: readonly string[] }>>

const HEADER_BYTES = 12
const [A, AAAA] = [1, 28]
const IN = 1
/** QR, AA and RA; NXDOMAIN in the low bits. */
const ANSWERED = 0x8480
const NO_SUCH_NAME = 3
const MAX_LABEL = 63
const TTL_SECONDS = 60

/**
 * Answers one DNS question (RFC 1035) as a server with DNS64 does (RFC 6147): a name without IPv6 addresses gets those that lead
 * through the NAT64.
 *
 * @returns undefined for what is not one question
 */
export function answerQuestion(query: Uint8Array, names: Names): Uint8Array | undefined {
  const view = new DataView(query.buffer, query.byteOffset, query.byteLength)
  if (query.length < HEADER_BYTES || (view.getUint16(2) & 0xf800) !== 0 || view.getUint16(4) !== 1) return undefined
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined || length > MAX_LABEL || at + 1 + length >= query.length) return undefined
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + length)).toLowerCase())
    at += 1 + length
  }
  const endAt = at + 5
  if (endAt > query.length) return undefined
  const [type, group] = [view.getUint16(at + 1), view.getUint16(at + 3)]
  const name = labels.join('.')
  const known = Object.hasOwn(names, name) && group === IN ? names[name]! : undefined
  const addresses = !known ? [] : type === A ? known.ip4 : type === AAAA ? ip6Of(known) : []
  return encode(query.subarray(0, endAt), type, addresses, known !== undefined)
}

function ip6Of({ ip4, ip6 }: Names[string]): readonly string[] {
  return ip6.length > 0 ? ip6 : ip4.map(embedIpv4)
}

/** The question, then an answer for each address, whose name is a pointer to that in the question. */
function encode(question: Uint8Array, type: number, addresses: readonly string[], isKnown: boolean): Uint8Array {
  const bytes = [...question]
  const view = new DataView(new ArrayBuffer(10))
  view.setUint16(0, ANSWERED | (isKnown ? 0 : NO_SUCH_NAME))
  view.setUint16(2, 1)
  view.setUint16(4, addresses.length)
  bytes.splice(2, 10, ...new Uint8Array(view.buffer))
  for (const address of addresses) {
    const data = ipaddr.parse(address).toByteArray()
    bytes.push(0xc0, HEADER_BYTES, 0, type, 0, IN, 0, 0, 0, TTL_SECONDS, 0, data.length, ...data)
  }
  return Uint8Array.from(bytes)
}
