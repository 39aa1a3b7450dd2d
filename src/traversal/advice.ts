import { ipScope } from '../core/ip.ts'
import type { HubReport, NetworkReport, TransportReport } from '../nat/report.ts'
import { mappingHelps, opensPort, refusals, working } from './mapped-ports.ts'

/** What to do about a network, in words for the person who sits in it. */
export interface Advice {
  readonly code: AdviceCode
  readonly text: string
}

/** Why something was advised. A fixed list, because scripts look these up; docs/doctor.md has a row for each. */
export const ADVICE_CODES = {
  'captive-portal': 'a login page answers in place of the internet',
  'no-hub': 'no hub was given',
  'no-network': 'nothing that was asked has answered',
  'hub-silent': 'one of the hubs does not answer, others do',
  'http-proxy': 'the environment names a proxy',
  'udp-blocked': 'UDP does not pass, TCP does',
  'udp4-blocked': 'UDP passes over IPv6 only',
  'ipv6-only': 'IPv4 is not there, or by translation only (NAT64)',
  'symmetric-nat': 'the NAT has another public port or address for each destination',
  'carrier-nat': "a NAT is the provider's (RFC 6598)",
  'double-nat': 'several NATs in a row',
  'mapping-inner': 'the router maps ports, but another NAT is in front of it',
  'mapping-refused': 'the router speaks a port mapping protocol, and refuses',
  'mapping-absent': 'the router speaks no port mapping protocol',
  firewall: 'no NAT, but nobody who was not asked gets in',
  'several-uplinks': 'more than one way out, each with a public address',
  'no-hairpin': 'neighbours do not reach each other by their public address',
  'short-mapping': 'the NAT forgets idle mappings early',
  'small-mtu': 'packets of the size that QUIC needs do not pass',
  'one-server': 'too few server addresses to tell what the NAT does'
} as const

export type AdviceCode = keyof typeof ADVICE_CODES

/** "At least 1200 bytes" of UDP payload (RFC 9000 section 14.1), and the headers of IPv4 and UDP. */
const QUIC_MIN_PACKET = 1_200 + 20 + 8
/** Linux keeps what was answered once for 30 s, of which the search finds 28; RFC 4787 REQ-5 asks for 120 at least. */
const SHORT_LIFETIME_SECONDS = 25
/** Of our QUIC connections (libp2p/quic/transport.ts). */
const KEEPALIVE_SECONDS = 5

/** Where routers hide it. */
export const HOW_TO_MAP =
  "look for 'UPnP', 'NAT-PMP', 'PCP' or 'automatic port forwarding' in its settings and switch it on, or forward a UDP port by hand"

/** What routers that let one choose call endpoint-independent mapping. */
export const CONSISTENT_NAT = "look for 'static port', 'consistent NAT' or 'endpoint-independent NAT'"

/** Says nothing, or what is the matter and what to do. */
type Rule = (report: NetworkReport) => string | undefined

/** In the order in which they are worth reading: what hides everything else comes first. */
const RULES: Readonly<Record<AdviceCode, Rule>> = {
  'captive-portal': ({ captivePortal }) =>
    captivePortal === true
      ? 'This network shows a login page instead of the internet: open a browser, log in, and ask again. Until then everything else here is about that page.'
      : undefined,

  'no-hub': ({ hubs }) =>
    hubs.length === 0
      ? 'No hub was asked, and only somebody outside can tell what a NAT does: start `beeline hub` on a public machine, and give its address with --hub.'
      : undefined,

  'no-network': report =>
    report.hubs.length > 0 && !heard(report)
      ? 'Nothing has answered, neither by UDP nor by TCP: check that this machine is online, that the hub runs and that its address is right; if it is, a firewall lets nothing out.'
      : undefined,

  'hub-silent': ({ hubs }) => {
    const silent = hubs.filter(hub => !answers(hub))
    if (silent.length === 0 || silent.length === hubs.length) return undefined
    const which = silent.map(({ id }) => id).join(', ')
    return `No answer from ${which}: it may be down, or its address outdated. The other hubs serve meanwhile.`
  },

  'http-proxy': ({ proxy }) =>
    proxy == null
      ? undefined
      : `The environment variable ${proxy.variable} names a proxy (${proxy.url}). Beeline does not go through proxies: whoever runs the network must let it out by UDP or TCP to the hub's port.`,

  'udp-blocked': report =>
    !passes(report.udp4) && !passes(report.udp6) && tcpPasses(report)
      ? 'UDP is blocked here. Peers are reached by TCP: directly where both networks allow it, else over the relay. Ask whoever runs the network to let UDP out; QUIC needs nothing else.'
      : undefined,

  'udp4-blocked': ({ udp4, udp6, tcp4 }) =>
    !passes(udp4) && passes(udp6) && passes(tcp4)
      ? 'UDP passes over IPv6, and not over IPv4: peers without IPv6 are reached by TCP or over the relay. Ask whoever runs the network to let UDP out over IPv4 too.'
      : undefined,

  'ipv6-only': ({ udp4, udp6, tcp4, ipv6 }) => {
    if (passes(udp4) || passes(tcp4) || !passes(udp6)) return undefined
    // with an IPv4 address, perhaps no hub was given that has one: then nobody was asked
    if (udp4.local != null && ipv6.nat64 == null) return undefined
    const nat64 = ipv6.nat64 == null ? '' : ', and translates to IPv4 by name (NAT64)'
    return `This network has IPv6 only${nat64}: use a hub that has an IPv6 address. Peers without IPv6 are reached over the relay.`
  },

  'symmetric-nat': report => {
    const { udp4, udp6, tcp4, portMapping } = report
    if (!symmetric(udp4) || report.uplinks > 1 || isPublic(report)) return undefined
    const what = `Your NAT has another public ${udp4.mapping === 'address-dependent' ? 'port for each address' : 'port for each peer'} (${udp4.mapping} mapping, sometimes called symmetric), so nobody can be told where to send. Peers that are public still connect directly, most others after seconds of guessing ports, those with such a NAT themselves ${passes(tcp4) && tcp4.mapping === 'endpoint-independent' ? 'by TCP where they can' : 'over the relay'}.`
    const map = opensPort(portMapping)
      ? 'Your router maps ports, which gets around it.'
      : report.cgnat === true
        ? ''
        : `If the router is yours, ${CONSISTENT_NAT}, or let it map a port.`
    const six = passes(udp6) ? 'With peers that have IPv6, as you do, none of this matters.' : 'IPv6 would do as well.'
    return [what, map, six].filter(text => text !== '').join(' ')
  },

  'carrier-nat': report => {
    if (report.cgnat !== true) return undefined
    const where =
      (report.natLayers ?? 2) > 1
        ? "There are NATs in a row, and the outer one is your provider's"
        : "The NAT is your provider's"
    const six = passes(report.udp6) ? '' : ', or for IPv6'
    return `${where} (addresses of 100.64.0.0/10): no setting of your router changes it, and ports mapped there do not reach the internet. To be reachable from outside, ask the provider for a public IPv4 address${six}.`
  },

  'double-nat': ({ natLayers, cgnat }) =>
    natLayers != null && natLayers > 1 && cgnat !== true
      ? `There are ${natLayers} NATs in a row. If the outer one is your provider's box, set it to bridge mode (or your own router to access point mode): one NAT is easier to get through, and ports can be mapped on it.`
      : undefined,

  'mapping-inner': ({ portMapping, cgnat }) => {
    const inner = working(portMapping).find(({ external }) => external != null && ipScope(external) !== 'public')
    return inner == null || opensPort(portMapping) || cgnat === true
      ? undefined
      : `Your router maps ports, but its own outside address (${inner.external}) is not public: there is another NAT in front of it, and the same must be done there.`
  },

  'mapping-refused': report => {
    const refusing = refusals(report.portMapping)
    if (!mappingHelps(report) || refusing.length === 0) return undefined
    const names = LIST.format(refusing.map(({ protocol }) => protocol))
    const why = [...new Set(refusing.map(({ reason }) => reason))].join(', ')
    return `Your router knows ${names}, and refuses to map a port (${why}). Allow it for this machine in the router's settings, or forward a UDP port by hand: then others can dial you.`
  },

  'mapping-absent': report =>
    mappingHelps(report) && refusals(report.portMapping).length === 0
      ? `Your router speaks none of PCP, NAT-PMP and UPnP. To be reachable from outside, ${HOW_TO_MAP}.`
      : undefined,

  firewall: report =>
    passes(report.udp4) && report.udp4.translated === false && filters(report.udp4) && !isPublic(report)
      ? 'There is no NAT, but a firewall lets nobody in whom you have not written to. Most peers still connect directly; let UDP in, and all do.'
      : undefined,

  'several-uplinks': ({ uplinks, udp4 }) =>
    uplinks > 1
      ? `There are ${uplinks} ways out of this network, with different public addresses (${udp4.publicAddresses.join(', ')}): a peer may see another one than the hub does. Let the router send all of one machine's traffic by one of them.`
      : undefined,

  'no-hairpin': ({ udp4, natLayers, cgnat }) => {
    if (udp4.hairpin !== false || udp4.translated !== true) return undefined
    const home = 'Two peers behind this NAT do not reach each other by its public address.'
    return cgnat === true || (natLayers ?? 1) > 1
      ? `${home} At home they meet by their local addresses; with other customers behind the outer NAT you connect over the relay.`
      : `${home} In one network they meet by their local addresses, so there is nothing to do, unless it is divided into several.`
  },

  'short-mapping': ({ udp4: { mappingLifetimeSeconds: seconds } }) => {
    if (seconds == null || seconds >= SHORT_LIFETIME_SECONDS) return undefined
    const what = `The NAT forgets an idle connection after some ${seconds} s, where 120 is the least it should wait.`
    return seconds > KEEPALIVE_SECONDS
      ? `${what} Beeline sends something every ${KEEPALIVE_SECONDS} s, which is enough; for other programs raise the router's UDP timeout.`
      : `${what} Beeline sends something every ${KEEPALIVE_SECONDS} s, which is too late: direct connections break unless you raise the router's UDP timeout.`
  },

  'small-mtu': ({ udp4: { pathMtu } }) =>
    pathMtu != null && pathMtu < QUIC_MIN_PACKET
      ? `Packets of more than ${pathMtu} bytes do not pass, and QUIC needs ${QUIC_MIN_PACKET}: TCP is left. Look for a tunnel or VPN with a small MTU on this machine or the router.`
      : undefined,

  'one-server': ({ udp4 }) =>
    passes(udp4) && udp4.mapping == null && udp4.unknowns.some(({ what, why }) => what === 'mapping' && FEW.has(why))
      ? 'The servers that answered have too few addresses between them to tell what the NAT does with the second one: give a hub that has two (`beeline hub --host A --host B`), or a second hub.'
      : undefined
}

const FEW: ReadonlySet<string> = new Set(['one-address', 'one-port'])

/** "a, b and c" */
const LIST = new Intl.ListFormat('en-GB')

/** What can be done about a network, the most urgent first; nothing when all is well. Pure. */
export function advice(report: NetworkReport): Advice[] {
  return (Object.keys(ADVICE_CODES) as AdviceCode[]).flatMap(code => {
    const text = RULES[code](report)
    return text == null ? [] : [{ code, text }]
  })
}

function passes({ ok }: TransportReport): boolean {
  return ok
}

function answers({ rttMs }: HubReport): boolean {
  return rttMs != null
}

function tcpPasses({ tcp4, tcp6, hubs }: NetworkReport): boolean {
  return passes(tcp4) || passes(tcp6) || hubs.some(answers)
}

function heard(report: NetworkReport): boolean {
  return passes(report.udp4) || passes(report.udp6) || tcpPasses(report)
}

function isPublic({ reachability }: NetworkReport): boolean {
  return reachability === 'public'
}

function filters({ filtering }: TransportReport): boolean {
  return filtering != null && filtering !== 'endpoint-independent'
}

function symmetric({ ok, mapping }: TransportReport): boolean {
  return ok && mapping != null && mapping !== 'endpoint-independent'
}
