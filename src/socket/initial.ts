import { createCipheriv, createHmac } from 'node:crypto'

/** The salt of QUIC version 1 (RFC 9001 section 5.2). */
const SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex')
/** What a client pads its Initials to (RFC 9000 section 14.1). */
const PACKET_BYTES = 1_200
const TAG_BYTES = 16
const PACKET_NUMBER_BYTES = 4
const SAMPLE_BYTES = 16

/** What ends a handshake in the other side's name. */
export const CLOSE = {
  /** Far beyond what anybody has sent by then, so that the engine does not take it for a repetition. */
  packetNumber: 0x3fff_ffff,
  /** CONNECTION_CLOSE, NO_ERROR, no frame to blame, no words (RFC 9000 section 19.19). */
  frames: Uint8Array.of(0x1c, 0, 0, 0)
} as const

type Sender = 'client' | 'server'

export interface Initial {
  /** Hexadecimal, as all ids are. */
  readonly destinationId: string
  readonly sourceId: string
  readonly packetNumber: number
  readonly frames: Uint8Array
}

/**
 * An Initial as a client sends it, padded. Its keys are no secret (RFC 9001 section 5.2): whoever has seen a client's first packet can
 * write the next one, and the server's.
 */
export function clientInitial(init: Initial): Buffer {
  return initial(init, initialKeys(init.destinationId, 'client'))
}

/** An Initial as a server sends it. @param openedWith the id that the client made up for the server: all keys come from it */
export function serverInitial(init: Initial, openedWith: string): Buffer {
  return initial(init, initialKeys(openedWith, 'server'))
}

interface Keys {
  readonly key: Buffer
  readonly iv: Buffer
  readonly mask: Buffer
}

function initial({ destinationId, sourceId, packetNumber, frames }: Initial, { key, iv, mask }: Keys): Buffer {
  const destination = Buffer.from(destinationId, 'hex')
  const source = Buffer.from(sourceId, 'hex')
  const first = 0xc0 | (PACKET_NUMBER_BYTES - 1)
  // no token; the length that follows has two bytes (RFC 9000 section 16)
  const ids = [Buffer.of(first, 0, 0, 0, 1, destination.length), destination, Buffer.of(source.length), source]
  const head = Buffer.concat([...ids, Buffer.of(0, 0, 0), Buffer.alloc(PACKET_NUMBER_BYTES)])
  const numberAt = head.length - PACKET_NUMBER_BYTES
  head.writeUInt16BE(0x4000 | (PACKET_BYTES - numberAt), numberAt - 2)
  head.writeUInt32BE(packetNumber, numberAt)
  // RFC 9001 section 5.3: the nonce is the iv xor the packet number
  iv.writeUInt32BE((iv.readUInt32BE(8) ^ packetNumber) >>> 0, 8)
  const padded = Buffer.alloc(PACKET_BYTES - head.length - TAG_BYTES)
  padded.set(frames)
  const cipher = createCipheriv('aes-128-gcm', key, iv).setAAD(head)
  const packet = Buffer.concat([head, cipher.update(padded), cipher.final(), cipher.getAuthTag()])
  protectHeader(packet, numberAt, mask)
  return packet
}

/** RFC 9001 section 5.2: both secrets come from the id that the client made up. */
export function initialKeys(openedWith: string, sender: Sender): Keys {
  // HKDF-Extract is an HMAC keyed with the salt (RFC 5869 section 2.2)
  const common = createHmac('sha256', SALT).update(openedWith, 'hex').digest()
  const secret = expandLabel(common, `${sender} in`, 32)
  return {
    key: expandLabel(secret, 'quic key', 16),
    iv: expandLabel(secret, 'quic iv', 12),
    mask: expandLabel(secret, 'quic hp', 16)
  }
}

/** HKDF-Expand-Label (RFC 8446 section 7.1) of one block of SHA-256: no key of an Initial is longer. */
function expandLabel(secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0, 1)])
  return createHmac('sha256', secret).update(info).digest().subarray(0, length)
}

/** RFC 9001 section 5.4. */
function protectHeader(packet: Buffer, numberAt: number, mask: Buffer): void {
  const sampleAt = numberAt + 4
  const sample = packet.subarray(sampleAt, sampleAt + SAMPLE_BYTES)
  const bits = createCipheriv('aes-128-ecb', mask, null).setAutoPadding(false).update(sample)
  packet[0]! ^= bits[0]! & 0x0f
  for (let i = 0; i < PACKET_NUMBER_BYTES; i++) packet[numberAt + i]! ^= bits[i + 1]!
}
