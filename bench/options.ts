import { InvalidArgumentError } from 'commander'

/** For commander: a whole number, 1 or more. */
export function count(value: string): number {
  const parsed = Number(value)
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError('it must be a whole number, 1 or more.')
  return parsed
}

/** For commander: a number, 0 or more. */
export function amount(value: string): number {
  const parsed = Number(value)
  if (value.trim() === '' || !Number.isFinite(parsed) || parsed < 0) {
    throw new InvalidArgumentError('it must be a number, 0 or more.')
  }
  return parsed
}
