import { checksum, sum } from './checksum.ts'
import type { Layout } from './ip-packet.ts'

const TCP = 6
const TCP_BYTES = 20
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]

/** The reset that answers a TCP segment, with the numbers that its sender believes (RFC 9293 section 3.10.7.1). */
export function resetFor(bytes: Uint8Array, packet: DataView, layout: Layout, ttl: number): Uint8Array {
  const { family, sourceAt, destinationAt, addressBytes, transportAt, endAt } = layout
  const headerBytes = family === 4 ? 20 : 40
  const reset = new Uint8Array(headerBytes + TCP_BYTES)
  const view = new DataView(reset.buffer)
  if (family === 4) {
    view.setUint8(0, 0x45)
    view.setUint16(2, reset.length)
    view.setUint8(8, ttl)
    view.setUint8(9, TCP)
  } else {
    view.setUint8(0, 0x60)
    view.setUint16(4, TCP_BYTES)
    view.setUint8(6, TCP)
    view.setUint8(7, ttl)
  }
  const addressesAt = family === 4 ? 12 : 8
  reset.set(bytes.subarray(destinationAt, destinationAt + addressBytes), addressesAt)
  reset.set(bytes.subarray(sourceAt, sourceAt + addressBytes), addressesAt + addressBytes)
  if (family === 4) view.setUint16(10, checksum(view, 0, headerBytes))

  view.setUint16(headerBytes, packet.getUint16(transportAt + 2))
  view.setUint16(headerBytes + 2, packet.getUint16(transportAt))
  const flags = packet.getUint8(transportAt + 13)
  const hasAck = (flags & ACK) !== 0
  const payload = endAt - transportAt - (packet.getUint8(transportAt + 12) >> 4) * 4
  const length = payload + ((flags & SYN) === 0 ? 0 : 1) + ((flags & FIN) === 0 ? 0 : 1)
  if (hasAck) view.setUint32(headerBytes + 4, packet.getUint32(transportAt + 8))
  else view.setUint32(headerBytes + 8, (packet.getUint32(transportAt + 4) + length) >>> 0)
  view.setUint8(headerBytes + 12, (TCP_BYTES / 4) << 4)
  view.setUint8(headerBytes + 13, hasAck ? RST : RST | ACK)
  const pseudo = sum(view, addressesAt, headerBytes) + TCP + TCP_BYTES
  view.setUint16(headerBytes + 16, checksum(view, headerBytes, reset.length, pseudo))
  return reset
}
