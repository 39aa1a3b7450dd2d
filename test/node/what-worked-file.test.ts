import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { WhatWorkedFile } from '../../src/node/what-worked-file.ts'

const NOW_MS = Date.UTC(2026, 0, 1)

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'beeline-worked-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

async function openAt(path: string): Promise<{ file: WhatWorkedFile; problems: string[] }> {
  const problems: string[] = []
  return { file: await WhatWorkedFile.open(path, NOW_MS, ({ message }) => problems.push(message)), problems }
}

describe('the file of what worked', () => {
  it('is there in the next run, for its owner only', async t => {
    const path = join(await folder(t), 'not', 'there', 'yet.json')
    const first = await openAt(path)
    first.file.memory.remember('a b', 'birthday', NOW_MS)
    await first.file.save()
    const second = await openAt(path)
    assert.equal(second.file.memory.recall('a b', NOW_MS), 'birthday')
    assert.deepEqual([...first.problems, ...second.problems], [])
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  it('many saves at once: the last state is there, and nothing beside it', async t => {
    const path = join(await folder(t), 'worked.json')
    const { file } = await openAt(path)
    const saves: Promise<void>[] = []
    for (let n = 0; n < 50; n++) {
      file.memory.remember(`pair ${n}`, 'predict', NOW_MS)
      saves.push(file.save())
    }
    await Promise.all(saves)
    assert.equal(JSON.parse(await readFile(path, 'utf8')).length, 50)
    assert.deepEqual(await readdir(join(path, '..')), ['worked.json'])
  })

  const broken: readonly [string, string][] = [
    ['no JSON', '{"pair'],
    ['no list', '{}'],
    ['an empty file', ''],
    ['too long', `[${' '.repeat(300_000)}]`]
  ]
  for (const [what, content] of broken) {
    it(`${what}: starts with nothing, says so, and is written anew`, async t => {
      const path = join(await folder(t), 'worked.json')
      await writeFile(path, content)
      const { file, problems } = await openAt(path)
      assert.deepEqual([file.memory.toJSON(), problems.length], [[], 1])
      file.memory.remember('a b', 'predict', NOW_MS)
      await file.save()
      assert.equal((await openAt(path)).file.memory.recall('a b', NOW_MS), 'predict')
    })
  }

  it('a folder in its place: nothing is read or written, which is said twice, and nothing is left beside it', async t => {
    const path = join(await folder(t), 'worked.json')
    await mkdir(join(path, 'full'), { recursive: true })
    const { file, problems } = await openAt(path)
    await file.save()
    assert.equal(problems.length, 2)
    assert.deepEqual(await readdir(join(path, '..')), ['worked.json'])
  })

  it('a folder that may not be written to', {
    skip: process.getuid?.() === 0 && 'root may write anywhere'
  }, async t => {
    const path = await folder(t)
    await chmod(path, 0o500)
    const { file, problems } = await openAt(join(path, 'worked.json'))
    await file.save()
    assert.equal(problems.length, 1)
  })
})
