import ipaddr from 'ipaddr.js'

/** Strangers choose addresses: what is remembered of them is bounded. */
const MAX_KEPT = 65_536

/** Addresses as bytes of a packet and as canonical text (core/ip.ts). Packets of one flow come again and again, so both are kept. */
export class AddressText {
  readonly #texts = new Map<string, string>()
  readonly #bytes = new Map<string, Uint8Array>()

  /** The `length` bytes from there, 4 or 16. */
  read(packet: Uint8Array, at: number, length: number): string {
    if (length === 4) return `${packet[at]}.${packet[at + 1]}.${packet[at + 2]}.${packet[at + 3]}`
    const key = String.fromCharCode(...packet.subarray(at, at + length))
    const known = this.#texts.get(key)
    if (known !== undefined) return known
    const text = ipaddr.fromByteArray([...packet.subarray(at, at + length)]).toString()
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

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (map.size >= MAX_KEPT) map.clear()
  map.set(key, value)
}
