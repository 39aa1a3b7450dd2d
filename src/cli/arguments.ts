import { isIP } from 'node:net'
import { InvalidArgumentError } from 'commander'
import { tokenProblem } from '../core/token.ts'
import { parsePeer } from '../node/peer.ts'
import type { BuiltInTechnique } from '../traversal/attempt.ts'

/** The ways to a direct path that can be chosen among; without any there is the relay. A table, so that none is forgotten when there is a new one. */
const TECHNIQUES: Readonly<Record<BuiltInTechnique, true>> = {
  relay: true,
  direct: true,
  local: true,
  reverse: true,
  'punch-quic': true,
  'punch-tcp': true,
  predict: true,
  birthday: true
}
export const WAYS: readonly string[] = Object.keys(TECHNIQUES).filter(name => name !== 'relay')
/** Longest time that may be asked for: eleven days, well inside what a timer can count. */
const MAX_SECONDS = 1_000_000
/** Most that one measurement sends: the other side counts no further (perf-protocol.ts). */
const MAX_MB = 10_000

export function list(value: string, previous: readonly string[] = []): string[] {
  return [...previous, ...value.split(',')]
}

export function ips(value: string, previous: readonly string[] = []): string[] {
  const all = list(value, previous)
  const wrong = all.find(each => isIP(each) === 0)
  if (wrong != null) throw new InvalidArgumentError(`${wrong} is not an IP address.`)
  return all
}

export function techniques(value: string): string[] {
  const all = list(value)
  const wrong = all.find(each => !Object.hasOwn(TECHNIQUES, each))
  if (wrong != null) throw new InvalidArgumentError(`${wrong} is none of ${Object.keys(TECHNIQUES).join(', ')}.`)
  return all
}

export function token(value: string): string {
  const problem = tokenProblem(value)
  if (problem != null) throw new InvalidArgumentError(`${problem}.`)
  return value
}

/** @throws NatError BAD_ADDRESS */
export function peers(value: string, previous: readonly string[] = []): string[] {
  return [...previous, ...value.split(',').map(peer)]
}

/** @throws NatError BAD_ADDRESS */
export function peer(value: string): string {
  return parsePeer(value).toString()
}

export function port(value: string): number {
  return whole(value, 0, 65_535, 'a port, 0 to 65535')
}

export function count(value: string): number {
  return whole(value, 1, Number.MAX_SAFE_INTEGER, 'a whole number, 1 or more')
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }

/** Bytes, as a number that may have a unit behind it. */
export function bytes(value: string): number {
  const [, digits = '', unit = ''] = /^([\d.]+)([kMGT]?)$/.exec(value) ?? []
  const parsed = Math.round(numberFrom(digits) * (UNITS[unit] ?? 1))
  if (!Number.isSafeInteger(parsed)) throw new InvalidArgumentError('it must be bytes, such as 500k, 10M or 2G.')
  return parsed
}

export function megabytes(value: string): number {
  const parsed = numberFrom(value)
  if (!(parsed > 0 && parsed <= MAX_MB)) throw new InvalidArgumentError(`it must be a number, up to ${MAX_MB}.`)
  return parsed
}

/** A pause, which may be none. */
export function pause(value: string): number {
  const parsed = numberFrom(value)
  if (!(parsed >= 0 && parsed <= MAX_SECONDS)) throw new InvalidArgumentError('it must be seconds, 0 or more.')
  return parsed
}

export function deadline(value: string): number {
  const parsed = numberFrom(value)
  if (!(parsed > 0 && parsed <= MAX_SECONDS)) throw new InvalidArgumentError('it must be seconds, more than 0.')
  return parsed
}

function whole(value: string, least: number, most: number, what: string): number {
  const parsed = numberFrom(value)
  if (!Number.isInteger(parsed) || parsed < least || parsed > most)
    throw new InvalidArgumentError(`it must be ${what}.`)
  return parsed
}

/** NaN for what is no number; Number() would take an empty text for 0. */
function numberFrom(value: string): number {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
}
