import type { PlannedNode } from './plan.ts'
import type { RouterSpec } from './spec.ts'

/** A router's interface towards the internet, and its bridge towards those behind it. */
export const WAN = 'wan'
export const LAN = 'lan'

/** For a port mapping server in the router: what this chain of table `inet lab` accepts, goes through. */
const OPENED = 'opened'

/**
 * The nftables rules of a router. What nobody asked for is dropped unless the spec says otherwise: a NAT that answers an
 * early packet with an ICMP error or a reset makes hole punching look easier or harder than it mostly is. A packet that is
 * dropped or reset here leaves no connection tracking entry behind, so it does not take the port that the answer to it will
 * need; one that is accepted does.
 */
export function routerRules(router: PlannedNode): string {
  const spec = router.spec as RouterSpec
  return `
table inet lab {
  chain udp_filter {
    type filter hook forward priority filter - 10; policy accept;
    ${spec.blockUdp ? UDP_DROPPED : ''}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct state new iifname "${LAN}" accept
    jump ${OPENED}
  }
  chain ${OPENED} {
  }
  chain input {
    type filter hook input priority filter; policy ${spec.unsolicited === 'accept' ? 'accept' : 'drop'};
    iifname { "lo", "${LAN}" } accept
    ct state established,related accept
    ${spec.unsolicited === 'reset' ? `iifname "${WAN}" meta l4proto tcp reject with tcp reset` : ''}
    # neighbour discovery is IPv6's ARP
    iifname "${WAN}" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
${spec.mapping === 'none' ? '' : natRules(spec)}
${spec.hairpin ? hairpinRules(router) : ''}
`
}

const UDP_DROPPED = 'meta l4proto udp drop'

/** Replaces the rule of the chain that may drop UDP. */
export function blockUdpRules(block: boolean): string {
  return `flush chain inet lab udp_filter\n${block ? `add rule inet lab udp_filter ${UDP_DROPPED}\n` : ''}`
}

/** Masquerading preserves the port where it can; `fully-random` gives each new flow another one (nft(8)). */
function natRules(spec: RouterSpec): string {
  return `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${WAN}" masquerade ${spec.mapping === 'address-and-port-dependent' ? 'fully-random' : ''}
  }
}`
}

/**
 * Linux does not hairpin by itself: masquerading keeps no mapping that a third flow could use. So the router notes which
 * private endpoint has which port (ports are preserved), and sends what comes from inside to its public address there,
 * from the sender's public endpoint (RFC 4787 REQ-9: external source address and port).
 */
function hairpinRules(router: PlannedNode): string {
  return `
table ip hairpin {
  map mapped {
    type inet_service : ipv4_addr . inet_service; size 65535; flags timeout; timeout 120s;
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${LAN}" ip daddr ${router.ip} dnat ip to udp dport map @mapped
  }
  chain remember {
    # a nat chain would see the first packet of a flow only, and what is noted would be too old while the flow goes on
    type filter hook postrouting priority srcnat - 10; policy accept;
    oifname "${WAN}" update @mapped { udp sport : ip saddr . udp sport }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 10; policy accept;
    oifname "${LAN}" ct status dnat snat to ${router.ip}
  }
}`
}

/** Of the internet: it loses what goes between the ports of those pairs. Replaces what it lost before. */
export function apartRules(pairs: Iterable<readonly [string, string]>): string {
  const drops = [...pairs].flatMap(([one, other]) => [
    `iifname "${one}" oifname "${other}" drop`,
    `iifname "${other}" oifname "${one}" drop`
  ])
  return `
add table inet apart
delete table inet apart
table inet apart {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ${drops.join('\n    ')}
  }
}
`
}

/**
 * Makes an interface deaf, as behind a cable that was pulled out at the far end: senders notice nothing. At ingress, so
 * that no socket gets EPERM, which a drop at the output hook would give it.
 */
export function deafRules(device: string): string {
  return `
table netdev cut {
  chain ${chainOf(device)} {
    type filter hook ingress device "${device}" priority -500; policy drop;
  }
}
`
}

export function hearingRules(device: string): string {
  return `delete chain netdev cut ${chainOf(device)}\n`
}

/** Chains are named with letters, digits and underscores. */
function chainOf(device: string): string {
  return `cut_${device.replaceAll('-', '_')}`
}
