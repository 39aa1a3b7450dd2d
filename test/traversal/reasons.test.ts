import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { REASONS } from '../../src/traversal/attempt.ts'

test('docs/reasons.md has one row for each reason, and no other', () => {
  const page = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')
  // what follows is about port mapping
  const [attempts] = page.split('\n## ')
  const rows = [...attempts!.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason)
  assert.deepEqual(rows.toSorted(), Object.keys(REASONS).toSorted())
})
