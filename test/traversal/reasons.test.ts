import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { REASONS } from '../../src/traversal/attempt.ts'
import { CONCLUSIONS } from '../../src/traversal/explain/conclusion.ts'
import { HELP } from '../../src/traversal/explain/help.ts'
import { LOOKUPS } from '../../src/traversal/explain/lookups.ts'
import { PATH_REASONS } from '../../src/traversal/paths/api.ts'

const [attempts, ...sections] = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8').split('\n## ')
const rowsOf = (text: string) => [...text.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, reason]) => reason).toSorted()

test('docs/reasons.md has one row for each reason of an attempt, and no other', () => {
  assert.deepEqual(rowsOf(attempts!), Object.keys(REASONS).toSorted())
})

for (const [what, title, codes] of [
  ['reason of a change of path', 'Why a link changed its path', PATH_REASONS],
  ['conclusion', 'What an explanation concludes', CONCLUSIONS],
  ['kind of help', 'What would help', HELP],
  ['answer to a lookup', 'What a hub said of a peer', LOOKUPS]
] as const) {
  test(`docs/reasons.md has one row for each ${what}, and no other`, () => {
    const section = sections.find(each => each.startsWith(`${title}\n`))
    assert.deepEqual(rowsOf(section ?? ''), Object.keys(codes).toSorted())
  })
}
