import type { Nat, NatVerdict } from '../../src/sim/nat/index.ts'
import { AddressText } from './address-text.ts'
import type { IpPacket } from './ip-packet.ts'
import { readPacket } from './ip-packet.ts'
import { resetFor } from './reset.ts'
import { returnHop, rewrite } from './rewrite.ts'

export type Side = 'inside' | 'outside'

/** What to write where. */
export interface Routed {
  readonly to: Side
  readonly bytes: Uint8Array
  readonly length: number
}

/** Between the bytes of IP packets and the NAT engine: one NAT for each family. No devices here. */
export class PacketRouter {
  readonly #nats: Readonly<Record<4 | 6, Nat | undefined>>
  readonly #addresses = new AddressText()

  constructor(nats: { readonly 4: Nat | undefined; readonly 6: Nat | undefined }) {
    this.#nats = nats
  }

  /** Routes the packet in `buffer`, in place. @returns undefined when it goes no further */
  route(nowMs: number, from: Side, buffer: Uint8Array, view: DataView, length: number): Routed | undefined {
    const packet = readPacket(view, length, this.#addresses)
    if (!packet || !isUnicast(packet.source.address) || !isUnicast(packet.destination.address)) return undefined
    const nat = this.#nats[packet.layout.family]
    if (!nat) return undefined
    const verdict: NatVerdict<IpPacket> = from === 'inside' ? nat.outbound(nowMs, packet) : nat.inbound(nowMs, packet)
    if ('drop' in verdict) return undefined
    if ('reply' in verdict) {
      const reset = resetFor(buffer, view, packet.layout, verdict.reply.ttl)
      return { to: from, bytes: reset, length: reset.length }
    }
    rewrite(view, verdict.packet, this.#addresses)
    returnHop(view, packet.layout)
    return { to: verdict.to, bytes: buffer, length }
  }

  flush(): void {
    for (const nat of [this.#nats[4], this.#nats[6]]) nat?.flush()
  }

  setBlockUdp(block: boolean): void {
    for (const nat of [this.#nats[4], this.#nats[6]]) nat?.setBlockUdp(block)
  }
}

/** What no router forwards: to many, or of one link only (RFC 4291 section 2.5.6). */
function isUnicast(address: string): boolean {
  if (address.includes(':')) return !/^(ff|fe[89ab])/.test(address) && address !== '::'
  const first = Number(address.slice(0, address.indexOf('.')))
  return first > 0 && first < 224 && !address.startsWith('169.254.')
}
