import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERROR_CODES, NatError } from '../../src/core/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)].map(([, code]) => code)

test('docs/errors.md has one row for each code, in the same order', () => {
  assert.deepEqual(rows, Object.keys(ERROR_CODES))
})

test('an error keeps its code and its cause', () => {
  const cause = new Error('EADDRINUSE')
  const error = new NatError('PORT_TAKEN', 'UDP port 4001 is taken', { cause })
  assert.ok(error instanceof Error)
  assert.deepEqual([error.name, error.code, error.cause], ['NatError', 'PORT_TAKEN', cause])
})

test('an error has details for programs only where there are some', () => {
  const details = { explanation: { peer: 'bob' } }
  assert.equal(new NatError('STILL_RELAYED', 'relayed', { details }).details, details)
  assert.equal('details' in new NatError('STILL_RELAYED', 'relayed'), false)
})
