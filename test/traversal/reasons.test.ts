import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { REASONS } from '../../src/traversal/attempt.ts'
import { PATH_REASONS } from '../../src/traversal/paths/api.ts'

const [attempts, ...sections] = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8').split('\n## ')
const rowsOf = (text: string) => [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason).toSorted()

test('docs/reasons.md has one row for each reason of an attempt, and no other', () => {
  assert.deepEqual(rowsOf(attempts!), Object.keys(REASONS).toSorted())
})

test('docs/reasons.md has one row for each reason of a change of path, and no other', () => {
  const paths = sections.find(section => section.startsWith('Why a link changed its path\n'))
  assert.deepEqual(rowsOf(paths ?? ''), Object.keys(PATH_REASONS).toSorted())
})
