import ipaddr from 'ipaddr.js'

/** Strangers choose addresses: what is remembered of them is bounded. */
const MAX_KEPT = 65_536

/** Addresses as bytes of a packet and as canonical text (core/ip.ts). Packets of one flow come again and again, so both are kept. */
export class AddressText {
  readonly #texts = new Map<string, string>()
  readonly #bytes = new Map<string, Uint8Array>()

  /** The `length` bytes from there, 4 or 16. */
  read(packet: DataView, at: number, length: 4 | 16): string {
    return length === 4 ? ipv4Text(packet.getUint32(at)) : this.#readIpv6(packet, at)
  }

  #readIpv6(packet: DataView, at: number): string {
    const word = (i: number) => packet.getUint16(at + 2 * i)
    // eight arguments, because spreading sixteen bytes takes several times as long
    const key = String.fromCharCode(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))
    const known = this.#texts.get(key)
    if (known !== undefined) return known
    const text = ipaddr.fromByteArray(Array.from({ length: 16 }, (_, i) => packet.getUint8(at + i))).toString()
    keep(this.#texts, key, text)
    return text
  }

  bytesOf(text: string): Uint8Array {
    const known = this.#bytes.get(text)
    if (known) return known
    const bytes = Uint8Array.from(ipaddr.parse(text).toByteArray())
    keep(this.#bytes, text, bytes)
    return bytes
  }
}

function ipv4Text(address: number): string {
  return `${address >>> 24}.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (map.size >= MAX_KEPT) map.clear()
  map.set(key, value)
}
