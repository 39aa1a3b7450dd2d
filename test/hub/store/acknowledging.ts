// Puts records into the store that it is given, and writes the number of each on standard output when it is acknowledged, until it is killed.
import { writeSync } from 'node:fs'
import { openStore } from '../../../src/hub/store/open.ts'
import { peerId, stored, X } from './records.ts'

const [url = '', folder = ''] = process.argv.slice(2)
const store = await openStore(url === '' ? undefined : url, folder)
const next = { seq: 1 }

async function putAll(): Promise<never> {
  for (;;) {
    const seq = next.seq++
    await store.put(stored(peerId(seq % 500), seq), X, Date.now())
    writeSync(1, `${seq}\n`)
  }
}

await Promise.all(Array.from({ length: 20 }, putAll))
