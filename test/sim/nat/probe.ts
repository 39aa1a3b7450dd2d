import type { Endpoint } from '../../../src/core/machine.ts'
import { seededRandom } from '../../../src/core/random.ts'
import type { NatOptions, NatVerdict, Protocol, SimPacket, TcpFlags } from '../../../src/sim/nat/index.ts'
import { Nat } from '../../../src/sim/nat/index.ts'

export const PUBLIC = '11.1.0.10'

export const endpoint = (text: string): Endpoint => {
  const at = text.lastIndexOf(':')
  return { address: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) }
}

export const text = ({ address, port }: Endpoint) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

export const flags = (names: string): TcpFlags => ({
  syn: names.includes('S'),
  ack: names.includes('A'),
  fin: names.includes('F'),
  rst: names.includes('R')
})

/** A NAT that is spoken to in texts, at a time that is set. */
export class Probe {
  readonly nat: Nat
  nowMs = 0

  constructor(options: NatOptions, publicAddresses: readonly string[] = [PUBLIC], seed = 1) {
    this.nat = new Nat(options, { publicAddresses, random: seededRandom(seed) })
  }

  out(from: string, to: string, protocol: Protocol = 'udp', more: Partial<SimPacket> = {}): string {
    return told(this.nat.outbound(this.nowMs, packet(from, to, protocol, more)))
  }

  in(from: string, to: string, protocol: Protocol = 'udp', more: Partial<SimPacket> = {}): string {
    return told(this.nat.inbound(this.nowMs, packet(from, to, protocol, more)))
  }

  tcpOut(from: string, to: string, names: string): string {
    return this.out(from, to, 'tcp', { tcp: flags(names) })
  }

  tcpIn(from: string, to: string, names: string): string {
    return this.in(from, to, 'tcp', { tcp: flags(names) })
  }

  /** As whom a remote sees an inside endpoint. */
  seenBy(from: string, to: string, protocol: Protocol = 'udp'): string {
    const verdict = this.nat.outbound(
      this.nowMs,
      packet(from, to, protocol, protocol === 'tcp' ? { tcp: flags('S') } : {})
    )
    if (!('packet' in verdict)) throw new Error(`${from} -> ${to}: ${told(verdict)}`)
    return text(verdict.packet.source)
  }
}

export function packet(from: string, to: string, protocol: Protocol, more: Partial<SimPacket> = {}): SimPacket {
  return { protocol, source: endpoint(from), destination: endpoint(to), ttl: 64, ...more }
}

/** `inside 11.2.0.10:1 > 192.168.1.10:5000`, `drop filtered`, `reply …`. */
export function told(verdict: NatVerdict): string {
  if ('drop' in verdict) return `drop ${verdict.drop}`
  const of = (what: SimPacket) => `${text(what.source)} > ${text(what.destination)}`
  return 'reply' in verdict ? `reply ${of(verdict.reply)}` : `${verdict.to} ${of(verdict.packet)}`
}
