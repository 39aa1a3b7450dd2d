export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** Hexadecimal digits, with spaces where they help. */
export const bin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
export const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex')
export const filled = (length: number, value = length): Uint8Array => new Uint8Array(length).fill(value)

/** Bytes as plain arrays: a Buffer is not deeply equal to one. */
export function plain<T>(value: T): T {
  if (value instanceof Uint8Array) return Uint8Array.from(value) as T
  if (typeof value !== 'object' || value == null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)])) as T
}
