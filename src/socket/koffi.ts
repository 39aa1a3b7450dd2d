import { createRequire } from 'node:module'

/** The FFI library's module, as far as this project uses it. */
export type Koffi = typeof import('koffi')

/**
 * Loads koffi, which is an optional dependency: not every platform has a build of it.
 *
 * @returns the library, or the reason why it cannot be used
 */
export function loadKoffi(): { koffi: Koffi } | { reason: string } {
  try {
    return { koffi: createRequire(import.meta.url)('koffi') as Koffi }
  } catch (cause) {
    return { reason: `koffi does not load on ${process.platform}-${process.arch}: ${(cause as Error).message}` }
  }
}
