import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../../src/hub/store/open.ts'
import type { RecordStore } from '../../../src/hub/store/store.ts'
import { killedWhilePutting } from './kill.ts'
import { HOUR, NOW, peerId, stored, X } from './records.ts'

const BAD_OPTION = { name: 'NatError', code: 'BAD_OPTION' }

describe('the file of records', () => {
  let folder: string
  let files = 0
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beeline-sqlite-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))
  const fresh = () => join(folder, `${files++}`, 'records.sqlite')
  const open = (file: string) => openStore(`sqlite:${file}`, '')

  test('nothing that was acknowledged is lost when the process is killed', async () => {
    const at = join(folder, 'killed')
    for (const round of [1, 2, 3]) {
      const acknowledged = await killedWhilePutting('', at, round * 700)
      assert.ok(acknowledged.length >= round * 700)
      const store = await openStore(undefined, at)
      const newest = new Map<string, number>()
      for (const seq of acknowledged) newest.set(peerId(seq % 500), Math.max(seq, newest.get(peerId(seq % 500)) ?? 0))
      for (const [peer, seq] of newest) {
        const found = await store.get(peer, NOW)
        assert.ok(found != null && found.seq >= seq, `${peer}: ${found?.seq}, acknowledged ${seq}`)
        assert.equal((await store.put(stored(peer, seq - 1), X, NOW)).outcome, 'stale')
      }
      await store.stop()
      await rm(at, { recursive: true })
    }
  })

  test('it is there again, with its holders', async () => {
    const file = fresh()
    const one = await open(file)
    await one.put(stored(peerId(1), 1), X, NOW)
    await one.stop()
    const two = await open(file)
    assert.equal((await two.get(peerId(1), NOW))?.seq, 1)
    await two.release(peerId(1), X, NOW)
    assert.equal(await two.get(peerId(1), NOW), undefined)
    await two.stop()
  })

  test('nobody else on this machine reads it', async () => {
    const file = fresh()
    const store = await open(file)
    await store.put(stored(peerId(1), 1), X, NOW)
    for (const each of [file, `${file}-wal`]) assert.equal((await stat(each)).mode & 0o777, 0o600)
    await store.stop()
  })

  test('a second hub is refused, and the first goes on', async () => {
    const file = fresh()
    const first = await open(file)
    await assert.rejects(open(file), { ...BAD_OPTION, message: /in use by another process.*redis:/ })
    await first.put(stored(peerId(1), 1), X, NOW)
    await first.stop()
  })

  test('a hub that starts while the one before stops waits for it', async () => {
    const file = fresh()
    const first = await open(file)
    await first.put(stored(peerId(1), 1), X, NOW)
    const second = open(file)
    await first.stop()
    assert.equal((await (await second).get(peerId(1), NOW))?.seq, 1)
    await (await second).stop()
  })

  const foreign = (sql: string) => (file: string) => {
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
  }
  for (const [what, make, message] of [
    ['no database', (file: string) => writeFile(file, 'text '.repeat(1_000)), /is no database/],
    ["another program's", foreign('CREATE TABLE theirs (x)'), /another program's database/],
    ['of a later version', foreign('CREATE TABLE record (x); PRAGMA user_version = 99'), /later version/]
  ] as const) {
    test(`a file that is ${what} is refused, and left as it is`, async () => {
      const file = join(folder, `${files++}.sqlite`)
      await make(file)
      const bytes = await readFile(file)
      await assert.rejects(open(file), { ...BAD_OPTION, message })
      assert.deepEqual(await readFile(file), bytes)
    })
  }

  test('a damaged file is refused', async () => {
    const file = fresh()
    const store = await open(file)
    await Promise.all(Array.from({ length: 200 }, (_, at) => store.put(stored(peerId(at), 1), X, NOW)))
    await store.stop()
    await truncate(file, 4_096)
    await assert.rejects(async () => {
      const again = await open(file)
      try {
        await again.list(undefined, 1_000, NOW)
        for (let at = 0; at < 200; at++) await again.put(stored(peerId(at), 2), X, NOW)
      } finally {
        await again.stop()
      }
    }, /is damaged: move it away/)
  })

  test('a folder that is none is refused', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    await assert.rejects(open(join(file, 'records.sqlite')), {
      ...BAD_OPTION,
      message: /cannot be opened \((ENOTDIR|EEXIST)\)/
    })
  })

  test('a file that cannot be written to is refused', {
    skip: process.getuid?.() === 0 && 'root may write to all'
  }, async () => {
    const file = fresh()
    await (await open(file)).stop()
    await chmod(file, 0o400)
    await assert.rejects(open(file), BAD_OPTION)
  })

  test('what is forgotten leaves the file, some with each transaction', async () => {
    const file = fresh()
    const rows = () => {
      const database = new DatabaseSync(file)
      const tables = ['record', 'holder'].map(
        table => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']
      )
      database.close()
      return tables
    }
    const soon = { expiresMs: NOW + 1, forgetMs: NOW + 2 }
    const putLater = (store: RecordStore, seq: number) => store.put(stored(peerId('kept'), seq), X, NOW + 2_000)
    const first = await open(file)
    await Promise.all(Array.from({ length: 350 }, (_, at) => first.put(stored(peerId(at), 1, soon), X, NOW)))
    // all of one turn: the event loop is to be had again soon
    await Promise.all(Array.from({ length: 100 }, (_, at) => putLater(first, at + 1)))
    await first.stop()
    assert.deepEqual(rows(), [301, 301])
    const second = await open(file)
    for (let seq = 101; seq < 109; seq++) await putLater(second, seq)
    await second.stop()
    assert.deepEqual(rows(), [1, 1])
  })

  test('a clock that was set back keeps nothing from being forgotten later', async () => {
    const store = await openStore('memory:', '')
    await store.put(stored(peerId(1), 1, { expiresMs: NOW - 2 * HOUR, forgetMs: NOW - HOUR }), X, NOW - 3 * HOUR)
    await store.put(stored(peerId(2), 1), X, NOW + 100 * HOUR)
    await store.put(stored(peerId(3), 1), X, NOW)
    assert.equal((await store.put(stored(peerId(1), 1), X, NOW)).outcome, 'stored')
    await store.stop()
  })

  // a file system of half a megabyte, where a process may mount one
  const inSmallDisk = ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=512k none "$0" && exec "$@"']
  const canMount = spawnSync('unshare', [...inSmallDisk, tmpdir(), 'true']).status === 0
  test('a full disk is said, and is no end', {
    skip: !canMount && 'no mounts in a namespace of its own here'
  }, async () => {
    const program = fileURLToPath(new URL('full-disk.ts', import.meta.url))
    const disk = await mkdtemp(join(folder, 'disk-'))
    const { status, stdout, stderr } = spawnSync('unshare', [...inSmallDisk, disk, process.execPath, program, disk])
    assert.equal(stderr.toString(), '')
    assert.equal(status, 0)
    assert.match(stdout.toString(), /^UNAVAILABLE the file of records .* the disk is full\nstill there\nback\n$/)
  })
})
