import { type AttributeName, isRequired, type StunClass, type StunMethod } from './registry.ts'

/** A literal IPv4 or IPv6 address and a port; the same shape as core/machine.ts's Endpoint. */
export interface StunAddress {
  readonly address: string
  readonly port: number
}

export interface PasswordAlgorithm {
  /** Of PASSWORD_ALGORITHMS, or one that we do not know. */
  readonly code: number
  readonly parameters: Uint8Array
}

interface Text {
  readonly value: string
}

interface TieBreaker {
  /** 64 bits. */
  readonly tieBreaker: bigint
}

interface AddressFamily {
  readonly family: 4 | 6
}

interface ErrorCode {
  /** 300 to 699. */
  readonly code: number
  readonly reason: string
}

type Nothing = Readonly<Record<never, never>>

/** What each attribute holds. */
export interface AttributeValues {
  'MAPPED-ADDRESS': StunAddress
  'XOR-MAPPED-ADDRESS': StunAddress
  'XOR-PEER-ADDRESS': StunAddress
  'XOR-RELAYED-ADDRESS': StunAddress
  'ALTERNATE-SERVER': StunAddress
  'RESPONSE-ORIGIN': StunAddress
  'OTHER-ADDRESS': StunAddress
  USERNAME: Text
  REALM: Text
  NONCE: Text
  SOFTWARE: Text
  'ALTERNATE-DOMAIN': Text
  'ERROR-CODE': ErrorCode
  'ADDRESS-ERROR-CODE': ErrorCode & AddressFamily
  'UNKNOWN-ATTRIBUTES': { readonly codes: readonly number[] }
  'CHANGE-REQUEST': { readonly changeIp: boolean; readonly changePort: boolean }
  'RESPONSE-PORT': { readonly port: number }
  PADDING: { readonly bytes: Uint8Array }
  'CACHE-TIMEOUT': { readonly seconds: number }
  'CHANNEL-NUMBER': { readonly channel: number }
  LIFETIME: { readonly seconds: number }
  DATA: { readonly bytes: Uint8Array }
  'REQUESTED-ADDRESS-FAMILY': AddressFamily
  'ADDITIONAL-ADDRESS-FAMILY': AddressFamily
  /** `reserve`: keep the next higher port for a later request. */
  'EVEN-PORT': { readonly reserve: boolean }
  /** An IP protocol number: 17 is UDP, 6 TCP. */
  'REQUESTED-TRANSPORT': { readonly protocol: number }
  'DONT-FRAGMENT': Nothing
  /** 8 bytes. */
  'RESERVATION-TOKEN': { readonly token: Uint8Array }
  ICMP: { readonly icmpType: number; readonly icmpCode: number; readonly data: number }
  PRIORITY: { readonly priority: number }
  'USE-CANDIDATE': Nothing
  'ICE-CONTROLLED': TieBreaker
  'ICE-CONTROLLING': TieBreaker
  'PASSWORD-ALGORITHM': PasswordAlgorithm
  'PASSWORD-ALGORITHMS': { readonly algorithms: readonly PasswordAlgorithm[] }
  /** 32 bytes, see `userhash`. */
  USERHASH: { readonly hash: Uint8Array }
  'MESSAGE-INTEGRITY': { readonly hmac: Uint8Array }
  'MESSAGE-INTEGRITY-SHA256': { readonly hmac: Uint8Array }
  FINGERPRINT: { readonly crc: number }
}

export type KnownAttribute<Name extends AttributeName = AttributeName> = {
  [N in Name]: { readonly type: N } & AttributeValues[N]
}[Name]

export interface UnknownAttribute {
  readonly type: 'unknown'
  readonly code: number
  readonly value: Uint8Array
}

export type StunAttribute = KnownAttribute | UnknownAttribute

export interface StunMessage {
  readonly class: StunClass
  readonly method: StunMethod
  /** 12 bytes. */
  readonly transactionId: Uint8Array
  /** In the order in which they came, without those that do not count because of their place. */
  readonly attributes: readonly StunAttribute[]
}

/** The first attribute of that name: of others with the same name none counts (RFC 8489 section 14). */
export function find<Name extends AttributeName>(message: StunMessage, name: Name): KnownAttribute<Name> | undefined {
  return message.attributes.find(attribute => attribute.type === name) as KnownAttribute<Name> | undefined
}

/** Those of a request that must be understood and are not: what an answer with error 420 names. */
export function unknownRequired(message: StunMessage): number[] {
  const codes = new Set<number>()
  for (const each of message.attributes) if (each.type === 'unknown' && isRequired(each.code)) codes.add(each.code)
  return [...codes]
}
