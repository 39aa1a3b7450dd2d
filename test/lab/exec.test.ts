import assert from 'node:assert/strict'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import type { Lab } from '../../lab/lab.ts'
import { openLab } from '../../lab/lab.ts'
import { NO_LAB } from './available.ts'

describe('programs in a lab', { skip: NO_LAB }, () => {
  let lab: Lab
  before(async () => {
    lab = await openLab({ alice: {}, bob: {} })
  })
  after(() => lab.close())

  /** How many programs with that mark run in the lab. */
  const running = async (mark: string) =>
    (await lab.exec('bob', ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"'])).stdout
      .split('\n')
      .filter(line => line === mark).length

  test('exit codes, output, input, environment, working directory', async () => {
    const script = 'read line; echo "$line $WHO $PWD"; echo oops >&2; exit 3'
    const result = await lab.exec('alice', ['sh', '-c', script], {
      input: 'hello\n',
      env: { WHO: 'alice' },
      cwd: tmpdir()
    })
    assert.deepEqual(result, {
      code: 3,
      signal: null,
      stdout: `hello alice ${tmpdir()}\n`,
      stderr: 'oops\n',
      timedOut: false
    })
    assert.equal((await lab.exec('alice', ['no-such-program'])).code, 127)
    await assert.rejects(async () => lab.exec('carol', ['true']), /no 'carol' in this lab, only alice, bob/)
  })

  test('a host sees its own network and the processes of the lab only', async () => {
    const { stdout } = await lab.exec('alice', [
      'sh',
      '-c',
      'ip -4 -brief address; ls /run /run/netns; cat /proc/1/comm'
    ])
    assert.match(stdout, /^lo .*127.0.0.1\/8 *\neth0@\S+ +UP +11.1.0.10\/24 *\n/)
    assert.match(stdout, /netns\n\n?.*alice\nbob\ninternet\nwire\ncat\n$/s)
  })

  test('output beyond the bound is read and forgotten', async () => {
    const { code, stdout } = await lab.exec('alice', ['sh', '-c', 'head -c 20000000 /dev/zero'])
    assert.equal(code, 0)
    assert.equal(stdout.length, 4 * 1024 * 1024)
  })

  test('a timeout and an abort kill the program itself', async () => {
    const late = await lab.exec('alice', ['sleep', '1001'], { timeoutMs: 100 })
    assert.deepEqual([late.code, late.signal, late.timedOut], [null, 'SIGKILL', true])
    const reason = new Error('enough')
    const abort = new AbortController()
    setTimeout(() => abort.abort(reason), 100)
    await assert.rejects(lab.exec('alice', ['sleep', '1002'], { signal: abort.signal }), reason)
    await assert.rejects(lab.exec('alice', ['sleep', '1003'], { signal: AbortSignal.abort(reason) }), reason)
    for (const mark of ['1001', '1002', '1003']) assert.equal(await running(mark), 0, mark)
  })

  test('kill signals the program, which may see to it', async () => {
    const script = 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done'
    const child = lab.spawn('alice', ['sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout!.on('data', chunk => {
      said += chunk
    })
    await once(child.stdout!, 'data')
    assert.equal(child.kill(), true)
    assert.deepEqual(await once(child, 'close'), [5, null])
    assert.equal(said, 'up\nbye\n')
    assert.equal(child.kill(), false)
    // before it has begun, too
    const early = lab.spawn('alice', ['sleep', '1004'])
    early.kill('SIGKILL')
    assert.deepEqual(await once(early, 'close'), [null, 'SIGKILL'])
    assert.equal(await running('1004'), 0)
  })

  test('when the process around it is killed, the program ends too', async () => {
    const child = lab.spawn('alice', ['sleep', '1005'])
    while ((await running('1005')) === 0);
    process.kill(child.pid!, 'SIGKILL')
    await once(child, 'close')
    assert.equal(await running('1005'), 0)
  })

  test('closing ends all of them, and nothing can be run any more', async () => {
    const own = await openLab({ alice: {} })
    const child = own.spawn('alice', ['sleep', '1006'])
    const ended = once(child, 'close')
    await own.exec('alice', ['true'])
    await own.close()
    await own.close()
    await ended
    assert.throws(() => own.spawn('alice', ['true']), /the lab is closed/)
  })
})
