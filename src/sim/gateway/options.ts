import type { NatPmpResult } from '../../wire/natpmp.ts'
import type { PcpResult } from '../../wire/pcp/codes.ts'

/** What goes wrong with a gateway. Each may be changed while it runs. */
export interface GatewayFaults {
  /** Answers to every request for a mapping: `NOT_AUTHORIZED` and 606 are those of a router where the owner has switched it off. */
  readonly refusal?: { readonly pcp?: PcpResult; readonly natPmp?: NatPmpResult; readonly upnp?: number }
  /** Takes requests in and answers none. */
  readonly silent?: boolean
  /** How long each answer takes. @default 0 */
  readonly answerMs?: number
  /** What it calls its outside address, whether or not that is so. */
  readonly externalAddress?: string
  /** External ports that are somebody else's. */
  readonly takenPorts?: readonly number[]
  /** Gives another external port than was asked for, though that is free. */
  readonly otherPort?: boolean
  /** What it says that a mapping lives, whatever was asked for. The mapping itself lives as long as it should. */
  readonly lifetimeSeconds?: number
  /** PCP: answers with a nonce that is not the request's. */
  readonly wrongNonce?: boolean
  /** PCP and NAT-PMP: what it says of its epoch, in place of the seconds since it started. */
  readonly epochSeconds?: number
  /** UPnP: error 725 to whoever asks for a mapping that ends. */
  readonly permanentOnly?: boolean
}

export interface GatewayOptions {
  /** @default true */
  readonly pcp?: boolean
  /** @default true */
  readonly natPmp?: boolean
  /** The version of the Internet Gateway Device, or false. Version 2 has AddAnyPortMapping, and pinholes where there is IPv6. @default 2 */
  readonly upnp?: false | 1 | 2
  /** What it grants at most. @default 7,200 */
  readonly maxLifetimeSeconds?: number
  readonly faults?: GatewayFaults
}

/** Answers to packets and requests by protocol, since the beginning. `in` counts those that could not be read, too. */
export interface GatewayCounts {
  readonly pcp: Traffic
  readonly natPmp: Traffic
  readonly ssdp: Traffic
  readonly http: Traffic
}

export interface Traffic {
  in: number
  out: number
}
