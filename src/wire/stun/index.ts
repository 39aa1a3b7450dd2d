/** STUN (RFC 8489) with the attributes of NAT behaviour discovery (RFC 5780), ICE (RFC 8445) and TURN (RFC 8656). */
export { decodeStun } from './decode.ts'
export { type EncodeOptions, encodeStun } from './encode.ts'
export { StunFrames } from './framing.ts'
export {
  type Integrity,
  type IntegrityHash,
  longTermKey,
  userhash,
  verifyIntegrity,
  withFingerprint,
  withIntegrity
} from './integrity.ts'
export {
  type AttributeValues,
  find,
  type KnownAttribute,
  type PasswordAlgorithm,
  type StunAddress,
  type StunAttribute,
  type StunMessage,
  type UnknownAttribute,
  unknownRequired
} from './message.ts'
export {
  type AttributeName,
  ERROR_REASONS,
  PASSWORD_ALGORITHMS,
  type PasswordAlgorithmName,
  type StunClass,
  type StunErrorCode,
  type StunMethod
} from './registry.ts'
