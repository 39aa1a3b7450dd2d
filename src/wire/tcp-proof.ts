import { NatError } from '../core/errors.ts'
import { FRAME_HEAD_BYTES, frame } from './datagrams.ts'

/**
 * What the two ends of a link say on a TCP connection before it carries their datagrams: HELLO each way, then PROOF each
 * way, in frames as the datagrams behind them. docs/path-protocol.md
 */

/** The link's QUIC role: who dialled it is the client. */
export type TcpRole = 'client' | 'server'

export interface TcpHello {
  readonly role: TcpRole
  /** The link's id, 8 bytes. */
  readonly link: Uint8Array
  /** 16 bytes that nobody could know before: what was said on another connection proves nothing on this one. */
  readonly nonce: Uint8Array
}

const VERSION = 1
const ROLES: Readonly<Record<TcpRole, number>> = { client: 1, server: 2 }

export const TCP_LINK_BYTES = 8
export const TCP_NONCE_BYTES = 16
/** HMAC-SHA256. */
export const TCP_MAC_BYTES = 32

const HELLO_BYTES = 2 + TCP_LINK_BYTES + TCP_NONCE_BYTES
export const TCP_HELLO_FRAME_BYTES = FRAME_HEAD_BYTES + HELLO_BYTES
export const TCP_PROOF_FRAME_BYTES = FRAME_HEAD_BYTES + TCP_MAC_BYTES

/** The first byte of a HELLO's frame. That of a libp2p connection is 0x13, a TLS record begins with 0x16, text with more. */
export const TCP_HELLO_FIRST_BYTE = HELLO_BYTES >>> 8

/** @throws NatError MALFORMED when the link's id or the nonce are of another length */
export function encodeTcpHello({ role, link, nonce }: TcpHello): Uint8Array {
  if (link.length !== TCP_LINK_BYTES) throw malformed(`a link's id of ${link.length} bytes`)
  if (nonce.length !== TCP_NONCE_BYTES) throw malformed(`a nonce of ${nonce.length} bytes`)
  return frame(Uint8Array.of(VERSION, ROLES[role], ...link, ...nonce))
}

/** @throws NatError MALFORMED */
export function decodeTcpHello(bytes: Uint8Array): TcpHello {
  const [version, role, ...rest] = content(bytes, HELLO_BYTES)
  if (version !== VERSION) throw malformed(`version ${version}`)
  if (role !== ROLES.client && role !== ROLES.server) throw malformed(`role ${role}`)
  return {
    role: role === ROLES.client ? 'client' : 'server',
    link: Uint8Array.from(rest.slice(0, TCP_LINK_BYTES)),
    nonce: Uint8Array.from(rest.slice(TCP_LINK_BYTES))
  }
}

/** @throws NatError MALFORMED when the MAC is of another length */
export function encodeTcpProof(mac: Uint8Array): Uint8Array {
  if (mac.length !== TCP_MAC_BYTES) throw malformed(`a MAC of ${mac.length} bytes`)
  return frame(mac)
}

/** @returns the MAC. @throws NatError MALFORMED */
export function decodeTcpProof(bytes: Uint8Array): Uint8Array {
  return content(bytes, TCP_MAC_BYTES)
}

/** What a PROOF authenticates: both sides' fresh numbers, for this link, said by this side. */
export function tcpProofInput(link: Uint8Array, sender: TcpRole, client: Uint8Array, server: Uint8Array): Uint8Array {
  return Uint8Array.of(...LABEL, ...link, ROLES[sender], ...client, ...server)
}

/** The link's keys sign other things too. */
const LABEL = new TextEncoder().encode('beeline tcp path 1')

function content(bytes: Uint8Array, length: number): Uint8Array {
  const said = bytes.length < FRAME_HEAD_BYTES ? undefined : bytes[0]! * 256 + bytes[1]!
  if (said !== length || bytes.length !== FRAME_HEAD_BYTES + length) {
    throw malformed(`${bytes.length} bytes with a length of ${said ?? 'none'}, not ${length}`)
  }
  return bytes.slice(FRAME_HEAD_BYTES)
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `first frames on a TCP connection of a link: ${what}`)
}
