import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test, { describe } from 'node:test'
import { PacketSwitch } from '../../src/socket/switch.ts'
import { planeOf } from '../../src/socket/thread.ts'
import { PLANES } from './planes.ts'

const SWITCH = new URL('../../src/socket/switch.ts', import.meta.url).href

for (const [platform, arch] of [
  ['darwin', 'arm64'],
  ['win32', 'x64'],
  ['linux', 'riscv64']
] as const) {
  test(`${platform} on ${arch} has the portable data plane, and is told why`, () => {
    const { kind, reason } = planeOf(platform, arch)
    assert.equal(kind, 'portable')
    assert.match(reason ?? '', new RegExp(`${platform}-${arch}`))
  })
}

test('left to itself a switch takes the plane for this machine, and says why it is not the fast one', async t => {
  const packetSwitch = await PacketSwitch.open()
  t.after(() => packetSwitch.close())
  assert.equal(packetSwitch.kind, planeOf().kind)
  assert.equal(packetSwitch.fallbackReason == null, packetSwitch.kind === 'ffi')
})

for (const { kind, skip } of PLANES) {
  describe(`a program with a switch on the ${kind} data plane`, { skip }, () => {
    const run = (rest: string) => {
      const source = `import { PacketSwitch } from '${SWITCH}'
        const opened = await PacketSwitch.open('${kind}')
        const { socket } = await opened.bind('127.0.0.1', 0)
        await opened.dial({ kind: 'udp', socket, remote: { address: '127.0.0.1', port: 9 } })
        ${rest}`
      const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
        timeout: 30_000
      })
      return { status, signal, stderr: stderr.toString() }
    }

    test('ends when it has nothing else to do', () => {
      assert.deepEqual(run(''), { status: 0, signal: null, stderr: '' })
    })

    test('ends when it says so', () => {
      assert.deepEqual(run('process.exit(7)'), { status: 7, signal: null, stderr: '' })
    })

    test('ends with its own error', () => {
      const { status, signal, stderr } = run("throw new Error('its own')")
      assert.deepEqual([status, signal], [1, null])
      assert.match(stderr, /its own/)
    })

    test('does not end while it waits for an answer', () => {
      assert.deepEqual(run('await opened.stats(); await opened.close(); process.exit(3)').status, 3)
    })
  })
}
