import protobuf from 'protobufjs/light.js'
import { NatError } from '../core/errors.ts'

/** A message of a protocol: bytes to plain object and back. */
export interface Codec<T> {
  encode(message: T): Uint8Array
  /** @throws NatError MALFORMED */
  decode(bytes: Uint8Array): T
}

/**
 * Makes the codec of one protobuf message.
 *
 * Absent fields are absent in the object, repeated ones are always arrays, enums are their names, 64-bit numbers are
 * plain numbers unless told otherwise (what these protocols count fits into 53 bits). Unknown fields are skipped, as
 * protobuf has it.
 *
 * @param definition the types in protobuf.js's JSON form, nested under their names
 * @param longs what 64-bit numbers are read as: `BigInt` where all 64 bits matter
 */
export function protobufCodec<T extends object>(
  definition: protobuf.INamespace,
  messageName: string,
  longs: typeof Number | typeof BigInt = Number
): Codec<T> {
  const type = protobuf.Root.fromJSON(definition).lookupType(messageName)
  return {
    encode: message => type.encode(type.fromObject(message)).finish(),
    decode(bytes) {
      try {
        return type.toObject(type.decode(bytes), { longs, enums: String, arrays: true }) as T
      } catch (cause) {
        throw new NatError('MALFORMED', `not a ${messageName} message: ${(cause as Error).message}`, { cause })
      }
    }
  }
}
