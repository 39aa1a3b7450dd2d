// `npm test [-- FILE …]`: every test that this machine can run, then a list of what was skipped, and why.
import { globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { LAB_TOOLS, missingTools, provideTools, type Tools } from '../lab/provide.ts'

/** For one test. A test that waits for a lab, two nodes and three punches needs a fraction of it. */
const TEST_TIMEOUT_MS = 180_000

/** For one file, so that a handle left open ends as a failure that names the file, and not as a run without end. */
const FILE_TIMEOUT_MS = 600_000

/** For the whole run, which otherwise waits for any program that a killed test has left with our standard error. */
const RUN_TIMEOUT_MS = 1_800_000

/** The closing lines of a run; those of our two runs are added up. */
const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Servers and routers of others, which tests run beside ours, or under them. */
const PEER_TOOLS: Tools = {
  turnserver: 'coturn',
  miniupnpd: 'miniupnpd-nftables',
  tayga: 'tayga',
  'redis-server': 'redis-server'
}

provideTools({ ...LAB_TOOLS, ...PEER_TOOLS }, 'the tests in networks of its own')
// Only now: it looks for the tools when it is loaded.
const { NO_LAB } = await import('./lab/available.ts')

const named = process.argv.slice(2)
const files = (named.length > 0 ? named : globSync('test/**/*.test.ts')).sort()
const isLab = (file: string) => relative(join(root, 'test/lab'), join(root, file)).startsWith('..') === false
if (files.length === 0) throw new Error('no test files found')

const totals = new Map<string, number>()
const skipped = new Map<string, number>()
const failures: string[] = []
let failed = false

async function* results(group: string[], concurrency: number) {
  if (group.length === 0) return
  const execArgv = [`--test-timeout=${TEST_TIMEOUT_MS}`, '--import', new URL('faults.ts', import.meta.url).href]
  for await (const event of run({ files: group, concurrency, execArgv, timeout: FILE_TIMEOUT_MS })) {
    const { type, data } = event
    if (type === 'test:fail' && data.todo === undefined) {
      failed = true
      failures.push(`${relative(root, data.file ?? '?')}: ${data.name}: ${data.details.error.message}`)
    }
    if (type === 'test:pass' && data.skip !== undefined) {
      const reason = data.skip === true ? 'no reason given' : data.skip
      const line = `${relative(root, data.file ?? '?')}: ${reason}`
      skipped.set(line, (skipped.get(line) ?? 0) + 1)
    }
    const [, name, count] = (type === 'test:diagnostic' && data.nesting === 0 && TOTAL.exec(data.message)) || []
    if (name === undefined) yield event
    else totals.set(name, (totals.get(name) ?? 0) + Number(count))
  }
}

async function* all() {
  yield* results(
    files.filter(file => !isLab(file)),
    2
  )
  // One lab at a time: their delays are measured, and share the processor.
  yield* results(files.filter(isLab), 1)
  for (const [name, count] of totals) {
    const message = `${name} ${count}`
    yield { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } }
  }
}

const watchdog = setTimeout(() => {
  say(`\nNot done after ${RUN_TIMEOUT_MS / 60_000} minutes. Failed until then:`)
  for (const line of failures) say(`  ${line}`)
  process.exit(1)
}, RUN_TIMEOUT_MS)

const report = Readable.from(all()).compose(new spec())
for await (const text of report) process.stdout.write(text)

clearTimeout(watchdog)

if (skipped.size > 0) {
  say('\nSkipped here:')
  for (const [line, count] of skipped) say(`  ${line}${count > 1 ? ` (${count} of them)` : ''}`)
}
if (process.env['BEELINE_REQUIRE_LAB'] === '1') {
  const missing = missingTools(PEER_TOOLS)
  const why = NO_LAB !== false ? NO_LAB : missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined
  if (why !== undefined) {
    say(`\nBEELINE_REQUIRE_LAB=1, and the lab's tests could not all run: ${why}`)
    failed = true
  }
}
process.exitCode = failed ? 1 : 0
