import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { preset } from '../lab/presets.ts'
import { bench } from './cli/beeline.ts'
import { NO_LAB } from './lab/available.ts'
import { journey } from './lab/journey.ts'

const example = (name: string) => [
  '--conditions=source',
  fileURLToPath(new URL(`../examples/${name}.ts`, import.meta.url))
]

/** The id that an example prints when it is up. */
async function idOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const id = /^I am (\S+)$/.exec(line)?.[1]
    if (id != null) return id
  }
  throw new Error('it ended without a word')
}

async function allOf(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout!) text += chunk
  return text
}

it('hello.ts says hello to another of its kind', async t => {
  const { hub } = await bench(t)
  const { addrs } = await hub()
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [...example('hello'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  const id = await idOf(start(addrs[0]!))
  assert.match(await allOf(start(addrs[0]!, id)), /^hello$/m)
})

it('js-libp2p.ts: a plain js-libp2p node with our parts punches', { skip: NO_LAB }, async t => {
  const { lab, hubAddress } = await journey(t, preset('easy-easy', { link: { delayMs: 5 } }))
  const start = (host: string, ...args: string[]) =>
    lab.spawn(host, [process.execPath, ...example('js-libp2p'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const id = await idOf(start('alice', hubAddress))
  const said = await allOf(start('bob', hubAddress, id))
  assert.match(said, /^direct: punch-quic connected$/m)
  assert.match(said, /^ping: \d+ ms$/m)
})

it('technique.ts: a technique of its own finds a port that is forwarded by hand, and is called by its name', {
  skip: NO_LAB
}, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-book-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const book = join(folder, 'book.json')
  await writeFile(book, '{}')
  const { lab, hubAddress } = await journey(t, preset('easy-hard', { link: { delayMs: 5 } }))
  const start = (host: string, ...args: string[]) => {
    const argv = [process.execPath, ...example('technique'), hubAddress, book, ...args]
    return lab.spawn(host, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const said = createInterface({ input: start('alice').stdout! })
  let id: string | undefined
  let at: { address: string; port: string } | undefined
  for await (const line of said) {
    id ??= /^I am (\S+)$/.exec(line)?.[1]
    const [, address, port] = /^at \/ip4\/(192\.168\.[\d.]+)\/udp\/(\d+)\/quic-v1/.exec(line) ?? []
    if (address != null && port != null) at = { address, port }
    if (id != null && at != null) break
  }
  assert.ok(id != null && at != null, 'alice has told her id and her address')
  const rules = [
    'add table ip forwarded',
    'add chain ip forwarded pre { type nat hook prerouting priority dstnat; }',
    `add rule ip forwarded pre iifname wan udp dport 7777 dnat to ${at.address}:${at.port}`,
    'add rule inet lab opened ct status dnat accept'
  ]
  const forwarding = await lab.exec('natA', ['nft', rules.join('\n')])
  assert.equal(forwarding.code, 0, forwarding.stderr)
  await writeFile(book, JSON.stringify({ [id]: { address: lab.host('natA').ip, port: 7777 } }))
  const bob = await allOf(start('bob', id))
  assert.match(bob, /^direct by address-book$/m)
  assert.match(bob, /^address-book: ok, connected$/m)
})

it('sim.ts: two hosts punch a hole in virtual time, and so does the page that shows it', async () => {
  const child = spawn(process.execPath, example('sim'), { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await allOf(child)
  assert.equal(
    said,
    'alice is 11.2.0.10, bob is 11.3.0.10\nbob heard "hello through two NATs" at 210 ms\nnatA dropped 0, natB 0\n'
  )
  const page = readFileSync(new URL('../docs/sim.md', import.meta.url), 'utf8')
  const program = readFileSync(new URL('../examples/sim.ts', import.meta.url), 'utf8')
  assert.ok(page.includes(`\`\`\`ts\n${program}\`\`\``))
})

it("the README's program is examples/hello.ts", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const program = readFileSync(new URL('../examples/hello.ts', import.meta.url), 'utf8')
  assert.ok(readme.includes(`\`\`\`ts\n${program}\`\`\``))
})
