import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of a program beside a module: both are .ts in a checkout and .js in the package. */
export function sibling(moduleUrl: string, name: string): string {
  return fileURLToPath(new URL(`${name}${extname(new URL(moduleUrl).pathname)}`, moduleUrl))
}
