import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { defaultHubs } from '../../src/cli/default-hubs.ts'
import { bench, lines } from './beeline.ts'

describe('the hubs that are used where none is named', () => {
  for (const [what, variable, text, hubs] of [
    ['none', undefined, undefined, []],
    ['those of the variable', ' /a ,/b,', undefined, ['/a', '/b']],
    ['those of the file, without its comments', undefined, '# ours\n/a # at home\r\n\n  /b\n#/c', ['/a', '/b']],
    ['those of the file when the variable is empty', ' , ', '/a', ['/a']],
    ['those of the variable when there is a file, too', '/a', '/b', ['/a']]
  ] as const) {
    it(what, async t => {
      const { data } = await bench(t)
      const file = join(data, 'hubs')
      if (text != null) await writeFile(file, text)
      assert.deepEqual(await defaultHubs(variable == null ? {} : { BEELINE_HUB: variable }, file), hubs)
    })
  }

  it('a file that cannot be read is told', async t => {
    const { data } = await bench(t)
    await assert.rejects(defaultHubs({}, data), { code: 'BAD_OPTION', message: /cannot be read \(EISDIR\)/ })
  })
})

it('with hubs in the configuration folder an id is all that it takes', async t => {
  const { hub, start, run, data } = await bench(t)
  const { addrs } = await hub()
  const folder = join(data, 'config', 'beeline')
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'hubs'),
    `# a hub that is not there comes first\n${addrs[1]!.replace(/tcp\/\d+/, 'tcp/1')}\n${addrs[0]}\n`
  )
  const up = start('up', '--json')
  const { id } = await up.event(({ event }) => event === 'ready')
  const { code, stdout, stderr } = await run('ping', `${id}`, '--json', '--count', '1')
  assert.equal(code, 0, stderr)
  assert.equal(lines(stdout).at(-1)!['connected'], true)
})

it('up tells the shortest command that works', async t => {
  const { hub } = await bench(t)
  const { addrs } = await hub()
  const told = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
    const { start } = await bench(t, env)
    const { child, ended } = start('up', ...args)
    const text = await new Promise<string>(resolve => {
      let said = ''
      child.stdout!.on('data', chunk => {
        said += chunk
        if (/ping.*\n/.test(said)) resolve(said)
      })
      void ended.then(end => resolve(JSON.stringify(end)))
    })
    child.kill('SIGINT')
    return { text, id: /^up (\S+)/.exec(text)?.[1] }
  }
  const named = await told({}, '--hub', addrs.join(','))
  assert.equal(named.text, `up ${named.id}\nothers reach it with: beeline ping ${named.id} --hub ${addrs[0]}\n`)
  const byDefault = await told({ BEELINE_HUB: addrs[0] })
  assert.match(byDefault.text, new RegExp(`^others reach it with: beeline ping ${byDefault.id}$`, 'm'))
})
