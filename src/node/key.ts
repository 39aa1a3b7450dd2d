import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import envPaths from 'env-paths'
import { NatError } from '../core/errors.ts'

/** Where keys live when no file is named: the XDG configuration folder. */
export function defaultKeyFile(name: string): string {
  return join(envPaths('beeline', { suffix: '' }).config, `${name}.key`)
}

/**
 * Reads an identity (a libp2p private key in protobuf), or makes one and keeps it, readable by its owner only.
 *
 * @throws NatError BAD_KEY
 */
export async function loadKey(file: string): Promise<PrivateKey> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw badKey(file, cause)
    const key = await generateKeyPair('Ed25519')
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      // `wx`: when another process made one in between, its key is not written over
      await writeFile(file, privateKeyToProtobuf(key), { mode: 0o600, flag: 'wx' })
    } catch (error) {
      throw badKey(file, error)
    }
    return key
  }
  try {
    return privateKeyFromProtobuf(bytes)
  } catch (cause) {
    throw badKey(file, cause)
  }
}

function badKey(file: string, cause: unknown): NatError {
  return new NatError(
    'BAD_KEY',
    `cannot use the key file ${file} (${(cause as Error).message}): name another with --key`,
    { cause }
  )
}
