// Fills the file system of the folder that it is given with records, makes room, and goes on.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatError } from '../../../src/core/errors.ts'
import { openStore } from '../../../src/hub/store/open.ts'
import { NOW, peerId, stored, X } from './records.ts'

const [folder = ''] = process.argv.slice(2)
const ballast = join(folder, 'ballast')
await writeFile(ballast, new Uint8Array(200_000))
const store = await openStore(undefined, folder)
const envelope = new Uint8Array(4_000)
const say = (line: string) => process.stdout.write(`${line}\n`)

let kept = 0
try {
  for (; kept < 1_000; kept++) await store.put(stored(peerId(kept), 1, { envelope }), X, NOW)
} catch (error) {
  const { code, message } = error as NatError
  say(`${code} ${message}`)
}
const found = await Promise.all(Array.from({ length: kept }, (_, at) => store.get(peerId(at), NOW)))
if (found.every(each => each?.seq === 1)) say('still there')
await rm(ballast)
await store.put(stored(peerId(kept), 1), X, NOW)
if ((await store.get(peerId(kept), NOW))?.seq === 1) say('back')
await store.stop()
