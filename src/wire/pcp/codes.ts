/** Port Control Protocol, RFC 6887; names as in the IANA registry "Port Control Protocol (PCP) Parameters". */

export const PCP_VERSION = 2
/** Servers listen here, as those of NAT-PMP do (RFC 6886 section 1.1): one port, two protocols. */
export const PCP_SERVER_PORT = 5351
/** Announcements go from there to this port of all hosts (section 14.1.1; RFC 6886 section 3.2.1). */
export const PCP_CLIENT_PORT = 5350
/** All hosts of the link: where a server announces that it has restarted (section 14.1.3). */
export const PCP_ANNOUNCE_GROUPS = { 4: '224.0.0.1', 6: 'ff02::1' } as const

/** Section 7: a message is a whole number of 32-bit words, and no longer than this. */
export const PCP_MAX_BYTES = 1100
export const PCP_NONCE_BYTES = 12

export const PCP_OPCODES = { ANNOUNCE: 0, MAP: 1 } as const
export type PcpOpcode = keyof typeof PCP_OPCODES

export const PCP_OPTIONS = { THIRD_PARTY: 1, PREFER_FAILURE: 2, FILTER: 3 } as const

/** Section 7.4. Those of RFC 7652, for servers that want authentication, have no name here: nobody speaks it. */
export const PCP_RESULTS = {
  SUCCESS: 0,
  UNSUPP_VERSION: 1,
  NOT_AUTHORIZED: 2,
  MALFORMED_REQUEST: 3,
  UNSUPP_OPCODE: 4,
  UNSUPP_OPTION: 5,
  MALFORMED_OPTION: 6,
  NETWORK_FAILURE: 7,
  NO_RESOURCES: 8,
  UNSUPP_PROTOCOL: 9,
  USER_EX_QUOTA: 10,
  CANNOT_PROVIDE_EXTERNAL: 11,
  ADDRESS_MISMATCH: 12,
  EXCESSIVE_REMOTE_PEERS: 13
} as const
export type PcpResult = keyof typeof PCP_RESULTS

/** IANA's protocol numbers of what is mapped. */
export const IP_PROTOCOLS = { tcp: 6, udp: 17 } as const

const RESULT_NAMES = new Map(Object.entries(PCP_RESULTS).map(([name, code]) => [code as number, name as PcpResult]))

/** The name of a result code, or the code itself where it has none. */
export function pcpResult(code: number): PcpResult | number {
  return RESULT_NAMES.get(code) ?? code
}
