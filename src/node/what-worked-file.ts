import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NatError } from '../core/errors.ts'
import { WhatWorked } from '../traversal/what-worked.ts'

/** All that may be remembered, twice over. */
const MAX_BYTES = 256 * 1024

/** Why what worked could not be read or written; the node goes on without. */
export type OnProblem = (problem: Error) => void

/** What worked between pairs of networks, kept in a file between runs. */
export class WhatWorkedFile {
  readonly memory: WhatWorked
  readonly #path: string
  readonly #onProblem: OnProblem
  #writing: Promise<void> = Promise.resolve()
  #waiting = false

  private constructor(path: string, memory: WhatWorked, onProblem: OnProblem) {
    this.#path = path
    this.memory = memory
    this.#onProblem = onProblem
  }

  /** Reads it; starts with nothing where there is no such file, and, telling so, where it is broken or unreadable. Never throws. */
  static async open(path: string, nowMs: number, onProblem: OnProblem): Promise<WhatWorkedFile> {
    let kept: unknown
    try {
      kept = await read(path)
    } catch (error) {
      onProblem(error as Error)
    }
    return new WhatWorkedFile(path, WhatWorked.fromJSON(kept, nowMs), onProblem)
  }

  /** Writes what is remembered now, one write at a time. A reader sees the old file or the new one. Never rejects. */
  save(): Promise<void> {
    if (!this.#waiting) {
      this.#waiting = true
      this.#writing = this.#writing.then(() => this.#write())
    }
    return this.#writing
  }

  async #write(): Promise<void> {
    this.#waiting = false
    const beside = `${this.#path}.${randomUUID()}`
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      // whom this machine talks to is nobody else's business
      await writeFile(beside, `${JSON.stringify(this.memory)}\n`, { mode: 0o600, flag: 'wx' })
      await rename(beside, this.#path)
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {})
      this.#onProblem(error as Error)
    }
  }
}

async function read(path: string): Promise<unknown> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found == null) return undefined
  // a pipe or a device would never end
  if (!found.isFile() || found.size > MAX_BYTES) throw malformed(path)
  const kept: unknown = JSON.parse(await readFile(path, 'utf8'))
  if (!Array.isArray(kept)) throw malformed(path)
  return kept
}

function malformed(path: string): NatError {
  return new NatError(
    'MALFORMED',
    `${path} is no list of what worked; it is written anew with the next path that is found`
  )
}
