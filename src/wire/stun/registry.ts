/** Names and numbers of https://www.iana.org/assignments/stun-parameters: what RFC 8489, 5780, 8445 and 8656 have. */

/** RFC 8489 section 5: at the same place in every message. */
export const MAGIC_COOKIE = 0x2112a442
export const HEADER_BYTES = 20
export const TRANSACTION_ID_BYTES = 12

/** In the order of the two class bits. */
export const CLASSES = ['request', 'indication', 'success', 'error'] as const
export type StunClass = (typeof CLASSES)[number]

export const METHODS = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  'create-permission': 0x008,
  'channel-bind': 0x009
} as const
/** A number is a method that is none of ours. */
export type StunMethod = keyof typeof METHODS | number

export const ATTRIBUTES = {
  'MAPPED-ADDRESS': 0x0001,
  'CHANGE-REQUEST': 0x0003,
  USERNAME: 0x0006,
  'MESSAGE-INTEGRITY': 0x0008,
  'ERROR-CODE': 0x0009,
  'UNKNOWN-ATTRIBUTES': 0x000a,
  'CHANNEL-NUMBER': 0x000c,
  LIFETIME: 0x000d,
  'XOR-PEER-ADDRESS': 0x0012,
  DATA: 0x0013,
  REALM: 0x0014,
  NONCE: 0x0015,
  'XOR-RELAYED-ADDRESS': 0x0016,
  'REQUESTED-ADDRESS-FAMILY': 0x0017,
  'EVEN-PORT': 0x0018,
  'REQUESTED-TRANSPORT': 0x0019,
  'DONT-FRAGMENT': 0x001a,
  'MESSAGE-INTEGRITY-SHA256': 0x001c,
  'PASSWORD-ALGORITHM': 0x001d,
  USERHASH: 0x001e,
  'XOR-MAPPED-ADDRESS': 0x0020,
  'RESERVATION-TOKEN': 0x0022,
  PRIORITY: 0x0024,
  'USE-CANDIDATE': 0x0025,
  PADDING: 0x0026,
  'RESPONSE-PORT': 0x0027,
  'ADDITIONAL-ADDRESS-FAMILY': 0x8000,
  'ADDRESS-ERROR-CODE': 0x8001,
  'PASSWORD-ALGORITHMS': 0x8002,
  'ALTERNATE-DOMAIN': 0x8003,
  ICMP: 0x8004,
  SOFTWARE: 0x8022,
  'ALTERNATE-SERVER': 0x8023,
  'CACHE-TIMEOUT': 0x8027,
  FINGERPRINT: 0x8028,
  'ICE-CONTROLLED': 0x8029,
  'ICE-CONTROLLING': 0x802a,
  'RESPONSE-ORIGIN': 0x802b,
  'OTHER-ADDRESS': 0x802c
} as const
export type AttributeName = keyof typeof ATTRIBUTES

/** XOR-MAPPED-ADDRESS as drafts had it, and as some servers still send it. */
export const OLD_XOR_MAPPED_ADDRESS = 0x8020

/** RFC 8489 section 14: whoever does not know one of these must refuse the message. */
export const isRequired = (code: number): boolean => code < 0x8000

export const ERROR_REASONS = {
  300: 'Try Alternate',
  400: 'Bad Request',
  401: 'Unauthenticated',
  403: 'Forbidden',
  420: 'Unknown Attribute',
  437: 'Allocation Mismatch',
  438: 'Stale Nonce',
  440: 'Address Family not Supported',
  441: 'Wrong Credentials',
  442: 'Unsupported Transport Protocol',
  443: 'Peer Address Family Mismatch',
  486: 'Allocation Quota Reached',
  487: 'Role Conflict',
  500: 'Server Error',
  508: 'Insufficient Capacity'
} as const
export type StunErrorCode = keyof typeof ERROR_REASONS

/** RFC 8489 section 18.5: how a long-term key is made. */
export const PASSWORD_ALGORITHMS = { md5: 0x0001, sha256: 0x0002 } as const
export type PasswordAlgorithmName = keyof typeof PASSWORD_ALGORITHMS
