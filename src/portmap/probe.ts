import { withDeadline } from '../core/deadline.ts'
import { NatError } from '../core/errors.ts'
import type { NetHost, UdpSocket } from '../core/net.ts'
import { encodeNatPmpRequest, type NatPmpRequest } from '../wire/natpmp.ts'
import { PCP_NONCE_BYTES, PCP_SERVER_PORT } from '../wire/pcp/codes.ts'
import { BootWatch } from './boot.ts'
import { exchange } from './exchange.ts'
import type { Ask, Outcome, Wanted } from './mapping.ts'
import { natPmpAddress, natPmpOutcome, readNatPmpAnswer } from './nat-pmp.ts'
import { pcpOutcome, pcpRequest, readPcpAnswer } from './pcp.ts'
import type { MappingReason } from './reason.ts'
import { findUplink, type Uplink } from './uplink.ts'
import { UpnpClient } from './upnp/client.ts'

/** What one protocol for mapping ports is good for here: the report's `PortMappingReport`. */
export interface ProtocolProbe {
  readonly ok: boolean
  readonly gateway: string | null
  readonly external: string | null
  readonly reason: MappingReason | null
}

export interface PortMappingProbe {
  readonly pcp: ProtocolProbe
  readonly natPmp: ProtocolProbe
  readonly upnp: ProtocolProbe
}

/** A router answers at once or not at all. */
const SENDS_MS = [0, 250, 750] as const
const END_MS = 1_500
/** UPnP has to be found first. */
const UPNP_MS = 2_700
const UNMAP_MS = 1_000
/** NAT-PMP tells it in another answer. */
const ANY_ADDRESS = '0.0.0.0'
/** Where no router has a rule of its own against it, and few programs listen (RFC 6335 section 6). */
const PROBE_PORTS = { first: 49_152, last: 65_535 } as const
/** For when we are killed between the mapping and its deletion. PCP servers may make it 120 (RFC 6887 section 15). */
const PROBE_SECONDS = 60

/**
 * Finds out what the router offers, in three seconds at most. Some routers answer every question and then refuse to map, so a
 * mapping is made by each protocol, and deleted again.
 *
 * @throws the signal's reason
 */
export async function probePortMapping(host: NetHost, signal: AbortSignal): Promise<PortMappingProbe> {
  const [addresses, gateways] = [host.addresses(), await host.gateways()]
  signal.throwIfAborted()
  const uplink = findUplink(4, addresses, gateways) ?? findUplink(6, addresses, gateways)
  const none = failed(null, 'no-gateway')
  if (uplink == null) return { pcp: none, natPmp: none, upnp: none }
  const port = host.random.int(PROBE_PORTS.first, PROBE_PORTS.last)
  const ask: Ask = { protocol: 'udp', internalPort: port, externalPort: port, lifetimeSeconds: PROBE_SECONDS }
  const opened: UdpSocket[] = []
  const open = async () => {
    const socket = await host.udp({ family: uplink.family, address: uplink.address })
    opened.push(socket)
    return socket
  }
  try {
    // a socket for each protocol: a router without PCP refuses it in NAT-PMP's format (RFC 6887 section 9)
    await Promise.all([open(), open()])
  } catch (error) {
    for (const socket of opened) socket.close()
    if (error instanceof NatError) return { pcp: none, natPmp: none, upnp: none }
    throw error
  }
  const [forPcp, forNatPmp] = opened as [UdpSocket, UdpSocket]
  try {
    const [pcp, natPmp, upnp] = await Promise.all([
      probePcp(host, uplink, forPcp, ask, signal),
      // each for a port of its own: one of them may be deleted while another is made
      uplink.family === 4
        ? probeNatPmp(host, uplink, forNatPmp, { ...ask, ...otherPort(port, 1) }, signal)
        : failed(uplink.gateway, 'unsupported'),
      probeUpnp(host, uplink, { ...ask, ...otherPort(port, 2) }, signal)
    ])
    return { pcp, natPmp, upnp }
  } finally {
    for (const socket of opened) socket.close()
  }
}

async function probePcp(
  host: NetHost,
  uplink: Uplink,
  socket: UdpSocket,
  ask: Ask,
  signal: AbortSignal
): Promise<ProtocolProbe> {
  const { gateway, address, family } = uplink
  const nonce = host.random.bytes(PCP_NONCE_BYTES)
  const mapped = (lifetimeSeconds: number) => {
    const bytes = pcpRequest({ ...ask, lifetimeSeconds }, address, family, nonce, undefined)
    const read = (answered: Uint8Array) => readPcpAnswer(answered, ask, nonce)
    return exchange({ ...question(gateway, bytes), read }, socket, host.clock, signal)
  }
  const answer = await mapped(ask.lifetimeSeconds)
  if (answer == null) return failed(gateway, 'no-answer')
  if ('version' in answer) return failed(gateway, 'unsupported')
  const outcome = pcpOutcome(answer.response, { address, port: ask.internalPort })
  if ('granted' in outcome) await mapped(0)
  return reported(gateway, outcome)
}

async function probeNatPmp(
  host: NetHost,
  { gateway, address }: Uplink,
  socket: UdpSocket,
  ask: Ask,
  signal: AbortSignal
): Promise<ProtocolProbe> {
  const { protocol: opcode, internalPort } = ask
  const asked = (request: NatPmpRequest, about: 'address' | Wanted) => {
    const read = (answered: Uint8Array) => readNatPmpAnswer(answered, about)
    return exchange({ ...question(gateway, encodeNatPmpRequest(request)), read }, socket, host.clock, signal)
  }
  const mapped = (externalPort: number, lifetimeSeconds: number) =>
    asked({ opcode, internalPort, externalPort, lifetimeSeconds }, ask)
  const [outside, answer] = await Promise.all([
    asked({ opcode: 'address' }, 'address'),
    mapped(ask.externalPort, ask.lifetimeSeconds)
  ])
  if (outside == null && answer == null) return failed(gateway, 'no-answer')
  const outcome = answer == null ? undefined : natPmpOutcome(answer, { address, port: internalPort }, ANY_ADDRESS)
  // a deletion names no port outside (RFC 6886 section 3.4)
  if (outcome != null && 'granted' in outcome) await mapped(0, 0)
  const told = outside == null ? undefined : natPmpAddress(outside)
  if (told == null || outcome == null) return failed(gateway, 'no-answer')
  if ('refused' in told) return failed(gateway, told.refused.reason)
  if ('refused' in outcome) return failed(gateway, outcome.refused.reason)
  return { ok: true, gateway, external: told.address, reason: null }
}

async function probeUpnp(host: NetHost, uplink: Uplink, ask: Ask, signal: AbortSignal): Promise<ProtocolProbe> {
  const client = new UpnpClient(host, uplink, new BootWatch())
  try {
    const outcome = await withDeadline(host.clock, UPNP_MS, 'UPnP', signal, aborted =>
      client.map(ask, undefined, aborted)
    )
    if ('granted' in outcome) {
      await withDeadline(host.clock, UNMAP_MS, 'UPnP', undefined, aborted =>
        client.unmap(ask, outcome.granted, aborted)
      )
    }
    return reported(uplink.gateway, outcome)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof NatError)) throw error
    return failed(uplink.gateway, 'no-answer')
  }
}

function question(gateway: string, bytes: Uint8Array) {
  const sends = SENDS_MS.map(atMs => ({ atMs, bytes }))
  return { to: { address: gateway, port: PCP_SERVER_PORT }, sends, endMs: END_MS }
}

function otherPort(port: number, further: number): Pick<Ask, 'internalPort' | 'externalPort'> {
  const { first, last } = PROBE_PORTS
  const other = first + ((port - first + further) % (last - first + 1))
  return { internalPort: other, externalPort: other }
}

function reported(gateway: string, outcome: Outcome): ProtocolProbe {
  if ('refused' in outcome) return failed(gateway, outcome.refused.reason)
  return { ok: true, gateway, external: outcome.granted.external.address, reason: null }
}

function failed(gateway: string | null, reason: MappingReason): ProtocolProbe {
  return { ok: false, gateway, external: null, reason }
}
