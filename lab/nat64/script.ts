import type { PlannedNode } from '../plan.ts'
import { LAN } from '../rules.ts'

/** Where the hosts' name server is, behind every router with NAT64: one resolv.conf is enough for all. */
export const NAME_SERVER = 'fd00:53::53'

const DEVICE = 'nat64'
/** What tayga translates to, one address per IPv6 host; the router's own NAT translates that once more. */
const POOL = '192.168.255.0/24'
const PREFIX = '64:ff9b::/96'

/** NAT64 as Linux routers have it: tayga translates headers (RFC 7915) between a TUN device and itself, nftables addresses and ports. */
export function nat64Script(router: PlannedNode): string {
  const folder = `/run/tayga-${router.name}`
  return `mkdir -p ${folder}
cat > ${folder}/conf <<'TAYGA'
tun-device ${DEVICE}
ipv4-addr 192.168.255.1
# it may not be in the prefix, because that is for public addresses (RFC 6052 section 3.1)
ipv6-addr fd00:64::1
prefix ${PREFIX}
dynamic-pool ${POOL}
data-dir ${folder}
TAYGA
ip tuntap add dev ${DEVICE} mode tun
ip link set dev ${DEVICE} up
ip route add ${POOL} dev ${DEVICE}
ip -6 route add ${PREFIX} dev ${DEVICE}
ip address add ${NAME_SERVER}/128 dev ${LAN} nodad
nft add rule inet lab forward ct state new iifname "${DEVICE}" accept
tayga --config ${folder}/conf
`
}

/** All hosts share the machine's files; this one the lab lays its own over. Where it is a link into /run, the lab's /run has no such file. */
export const RESOLVER_SCRIPT = `echo 'nameserver ${NAME_SERVER}' > /run/resolv.conf
target=$(readlink -m /etc/resolv.conf)
case $target in /run/*) mkdir -p "$(dirname "$target")"; touch "$target" ;; esac
[ "$target" = /run/resolv.conf ] || mount --bind /run/resolv.conf "$target"
`
