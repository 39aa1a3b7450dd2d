/** The internet checksum (RFC 1071) of packets that are changed in place. */

/**
 * Writes a 16-bit word, and corrects the checksums that cover it: RFC 1624's equation 3, which needs nothing else of the packet.
 * A checksum position is negative where there is none.
 */
export function setWord(packet: DataView, at: number, word: number, first: number, second = -1): void {
  const old = packet.getUint16(at)
  if (old === word) return
  packet.setUint16(at, word)
  if (first >= 0) correct(packet, first, old, word)
  if (second >= 0) correct(packet, second, old, word)
}

/** One word under the checksum at that place has changed. */
export function correct(packet: DataView, checksumAt: number, old: number, word: number): void {
  packet.setUint16(checksumAt, ~fold((~packet.getUint16(checksumAt) & 0xffff) + (~old & 0xffff) + word) & 0xffff)
}

/** Of a whole stretch; `start` is what to add to it. */
export function checksum(packet: DataView, from: number, to: number, start = 0): number {
  return ~fold(sum(packet, from, to) + start) & 0xffff
}

/** Unfolded: 64 KiB of words fit by far. */
export function sum(packet: DataView, from: number, to: number): number {
  let total = 0
  let at = from
  for (; at + 1 < to; at += 2) total += packet.getUint16(at)
  return at < to ? total + (packet.getUint8(at) << 8) : total
}

function fold(total: number): number {
  let folded = total
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}
