import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import {
  decodeStun,
  ERROR_REASONS,
  encodeStun,
  find,
  type StunAttribute,
  type StunErrorCode,
  type StunMessage,
  unknownRequired
} from '../../wire/stun/index.ts'
import type { StunSite } from './sites.ts'

export interface StunReply {
  readonly bytes: Uint8Array
  readonly to: Endpoint
  /** By which of the sockets. */
  readonly via: number
  /** It goes to another port, or by another socket, than the request came: those are rarer, and rationed more strictly. */
  readonly redirected: boolean
}

/** Where a request came in. Only UDP can be answered from elsewhere, or to elsewhere. */
export interface StunArrival {
  readonly from: Endpoint
  readonly via: number
  readonly transport: 'udp' | 'stream'
}

/** Codes of attributes that we refuse: more are not named, so that an error is not longer than what it answers. */
const MAX_NAMED = 4
/**
 * RFC 5780 section 7.6 wants as much as makes the answer go in fragments. Sockets of QUIC send none, and whoever can have
 * them sent is better off than we: the answer stays within 1,280 bytes, the MTU that every IPv6 link has, and what it answers.
 */
const MAX_PADDING_BYTES = 1_120
/** Services that trust what comes from a server have ports below. */
const MIN_RESPONSE_PORT = 1_024
const CHANGE_REQUEST = 0x0003
const RESPONSE_PORT = 0x0027
const PADDING = 0x0026

/**
 * The answer to a binding request (RFC 8489 section 6.3, RFC 5780 section 6.1); undefined for everything else: an answer to an
 * answer could go on for ever.
 */
export function respond(bytes: Uint8Array, arrival: StunArrival, sites: readonly StunSite[]): StunReply | undefined {
  const request = binding(bytes)
  if (request == null) return undefined
  const site = sites[arrival.via]!
  const change = find(request, 'CHANGE-REQUEST')
  const responsePort = find(request, 'RESPONSE-PORT')
  const padding = find(request, 'PADDING')
  const direct = (message: Uint8Array): StunReply => ({
    ...arrival,
    to: arrival.from,
    bytes: message,
    redirected: false
  })

  const unknown = unknownRequired(request)
  const via = change == null ? arrival.via : changed(arrival.via, site, change)
  if (via == null) unknown.push(CHANGE_REQUEST)
  if (arrival.transport === 'stream') {
    if (change != null) unknown.push(CHANGE_REQUEST)
    if (responsePort != null) unknown.push(RESPONSE_PORT)
    if (padding != null) unknown.push(PADDING)
  }
  if (via == null || unknown.length > 0) {
    const codes = [...new Set(unknown)].slice(0, MAX_NAMED)
    return direct(refusal(request, 420, { type: 'UNKNOWN-ATTRIBUTES', codes }))
  }
  if (responsePort != null && (responsePort.port < MIN_RESPONSE_PORT || padding != null)) {
    return direct(refusal(request, 400))
  }

  const to = responsePort == null ? arrival.from : { address: arrival.from.address, port: responsePort.port }
  const attributes: StunAttribute[] = [{ type: 'XOR-MAPPED-ADDRESS', ...withoutZone(arrival.from) }]
  const origin = sites[via]!.origin
  if (origin != null) attributes.push({ type: 'RESPONSE-ORIGIN', ...origin })
  if (site.other != null) attributes.push({ type: 'OTHER-ADDRESS', ...site.other })
  if (padding != null) {
    const length = Math.min(padding.bytes.length, MAX_PADDING_BYTES) & ~3
    attributes.push({ type: 'PADDING', bytes: new Uint8Array(length) })
  }
  const redirected = via !== arrival.via || to.port !== arrival.from.port
  return { bytes: encoded(request, 'success', attributes), to, via, redirected }
}

function binding(bytes: Uint8Array): StunMessage | undefined {
  try {
    const message = decodeStun(bytes)
    return message.class === 'request' && message.method === 'binding' ? message : undefined
  } catch (error) {
    if (error instanceof NatError) return undefined
    throw error
  }
}

function changed(
  via: number,
  site: StunSite,
  { changeIp, changePort }: { readonly changeIp: boolean; readonly changePort: boolean }
): number | undefined {
  if (changeIp) return changePort ? site.changeBoth : site.changeIp
  return changePort ? site.changePort : via
}

function refusal(request: StunMessage, code: StunErrorCode, ...attributes: readonly StunAttribute[]): Uint8Array {
  return encoded(request, 'error', [{ type: 'ERROR-CODE', code, reason: ERROR_REASONS[code] }, ...attributes])
}

/** With a FINGERPRINT always: on a port that QUIC has too, it is what tells the answer from a packet of a connection. */
function encoded(request: StunMessage, kind: 'success' | 'error', attributes: readonly StunAttribute[]): Uint8Array {
  const { method, transactionId } = request
  return encodeStun({ class: kind, method, transactionId, attributes }, { fingerprint: true })
}

/** A link-local address has its interface here with it, which means nothing to the client. */
function withoutZone({ address, port }: Endpoint): Endpoint {
  const zone = address.indexOf('%')
  return zone < 0 ? { address, port } : { address: address.slice(0, zone), port }
}
