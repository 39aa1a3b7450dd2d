import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemHost } from '../../../src/socket/system/host.ts'

test('our addresses have the length of their network', () => {
  const loopback = systemHost.addresses().find(({ address }) => address === '127.0.0.1')
  assert.deepEqual(loopback, { name: 'lo', family: 4, address: '127.0.0.1', prefixLength: 8 })
})

test('a name without addresses has none, and a signal ends the waiting', async () => {
  assert.deepEqual(await systemHost.resolve('name.invalid', 4, AbortSignal.timeout(10_000)), [])
  const reason = new Error('enough')
  await assert.rejects(systemHost.resolve('name.invalid', 6, AbortSignal.abort(reason)), reason)
})
