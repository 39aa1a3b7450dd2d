import type { PlannedNode } from '../plan.ts'
import { LAN, WAN } from '../rules.ts'

/** The TUN devices of a router with the simulator's engine. */
export const NAT_INSIDE = 'nat-in'
export const NAT_OUTSIDE = 'nat-out'

/** Tables of routes for what comes from outside and for what comes from inside. */
const FROM_OUTSIDE = 100
const FROM_INSIDE = 101

/** A burst must not be lost while the program waits for its turn; the kernel's 500 are 10 ms of 50,000 packets a second. */
const QUEUE_PACKETS = 4096

/** How far rules are apart matters to nobody; only their order does. */
const BEFORE_LOCAL = 10
const LOCAL = 20
const AFTER_LOCAL = 30

/**
 * Makes the kernel route through the NAT: all that comes from outside goes to one device, even what is for the router's own
 * public address (there the mappings are), and what comes from inside to the other, except what is for the router's inner address.
 * What the NAT writes has come from neither, so it follows the ordinary routes.
 */
export function tunScript(router: PlannedNode): { ip: string[]; ip6: string[]; settings: string } {
  const routing = (publicAddresses: readonly string[]) => [
    // the table of local addresses comes first, in which a packet to the public address would end
    `rule add pref ${LOCAL} lookup local`,
    'rule del pref 0',
    `rule add pref ${BEFORE_LOCAL} iif ${WAN} lookup ${FROM_OUTSIDE}`,
    // hairpins
    ...publicAddresses.map(ip => `rule add pref ${BEFORE_LOCAL} iif ${LAN} to ${ip} lookup ${FROM_INSIDE}`),
    `rule add pref ${AFTER_LOCAL} iif ${LAN} lookup ${FROM_INSIDE}`,
    `route add default dev ${NAT_OUTSIDE} table ${FROM_OUTSIDE}`,
    `route add default dev ${NAT_INSIDE} table ${FROM_INSIDE}`
  ]
  const devices = [NAT_INSIDE, NAT_OUTSIDE]
  return {
    ip: [
      ...devices.flatMap(device => [
        `tuntap add dev ${device} mode tun`,
        `link set dev ${device} txqueuelen ${QUEUE_PACKETS} up`
      ]),
      ...routing(router.ips)
    ],
    ip6: router.ip6 ? routing([router.ip6]) : [],
    settings: [
      // what the NAT writes comes from the router's own public address, and by another way than the answer goes
      ...['all', LAN, WAN, ...devices].map(device => `echo 0 > /proc/sys/net/ipv4/conf/${device}/rp_filter\n`),
      ...devices.map(device => `echo 1 > /proc/sys/net/ipv4/conf/${device}/accept_local\n`)
    ].join('')
  }
}
