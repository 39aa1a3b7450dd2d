import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { UNKNOWN_REASONS } from '../../src/nat/report.ts'

test('docs/nat.md has every reason why something is unknown, and no other', () => {
  const text = readFileSync(new URL('../../docs/nat.md', import.meta.url), 'utf8')
  const [, table = ''] = text.split('\n| reason | |\n')
  const rows = [...table.split('\n\n')[0]!.matchAll(/^\| `([a-z-]+)`/gm)].map(match => match[1])
  assert.deepEqual(rows.sort(), Object.keys(UNKNOWN_REASONS).sort())
})
