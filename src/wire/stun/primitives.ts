import { isUtf8 } from 'node:buffer'
import { NatError } from '../../core/errors.ts'

/** How the value of one attribute is written. */
export interface Format<Value> {
  /** @throws NatError MALFORMED */
  read(bytes: Uint8Array, transactionId: Uint8Array): Value
  /** @throws NatError MALFORMED for a value that the attribute cannot hold */
  write(value: Value, transactionId: Uint8Array): Uint8Array
}

/** Texts that are sent back, or that keys are made of, must come back as they came; others may have been cut in the middle. */
export const text = (maxBytes: number, spelling: 'exact' | 'any'): Format<{ readonly value: string }> => ({
  read(bytes) {
    atMost(bytes, maxBytes)
    if (spelling === 'exact' && !isUtf8(bytes)) throw malformed('a text that is not UTF-8')
    return { value: utf8(bytes) }
  },
  write({ value }) {
    const bytes = Buffer.from(value)
    atMost(bytes, maxBytes)
    return bytes
  }
})

export const bytesOf = <Key extends string>(key: Key, least: number, most: number) => ({
  read(bytes: Uint8Array) {
    if (bytes.length < least) throw malformed(`${bytes.length} bytes where ${least} are needed`)
    atMost(bytes, most)
    return { [key]: new Uint8Array(bytes) } as Record<Key, Uint8Array>
  },
  write(value: Readonly<Record<Key, Uint8Array>>) {
    return this.read(value[key])[key]
  }
})

export const word = <Key extends string>(key: Key, bits: 16 | 32) => ({
  read(bytes: Uint8Array) {
    const view = exactly(bytes, 4)
    return { [key]: bits === 16 ? view.getUint16(0) : view.getUint32(0) } as Record<Key, number>
  },
  write(value: Readonly<Record<Key, number>>) {
    const { bytes, view } = blank(4)
    const number = whole(value[key], 2 ** bits - 1)
    if (bits === 16) view.setUint16(0, number)
    else view.setUint32(0, number)
    return bytes
  }
})

export const nothing: Format<Readonly<Record<never, never>>> = {
  read(bytes) {
    exactly(bytes, 0)
    return {}
  },
  write: () => new Uint8Array(0)
}

export function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

export function blank(length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(length)
  return { bytes, view: new DataView(bytes.buffer) }
}

export function exactly(bytes: Uint8Array, length: number): DataView {
  if (bytes.length !== length) throw malformed(`${bytes.length} bytes where ${length} are needed`)
  return new DataView(bytes.buffer, bytes.byteOffset, length)
}

export function atMost(bytes: Uint8Array, most: number): void {
  if (bytes.length > most) throw malformed(`${bytes.length} bytes where ${most} are the most`)
}

export function whole(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw malformed(`a number between 0 and ${most}: ${value}`)
  return value
}

export function malformed(what: string): NatError {
  return new NatError('MALFORMED', `STUN attribute: ${what}`)
}
