import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { capability } from '../lab/lab.ts'

/** What the kernel lab needs, as Debian and Ubuntu name it. */
const PACKAGES = ['nftables', 'iproute2', 'iputils-ping', 'procps']

/** Installs what the lab needs where that is ours to do. */
function installPackages(): void {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return
  if (['nft', 'ip', 'ping', 'ps'].every(program => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0))
    return
  process.stdout.write(`installing ${PACKAGES.join(', ')} for the kernel lab\n`)
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
  spawnSync('apt-get', ['install', '-y', '-qq', ...PACKAGES], { stdio: 'inherit' })
}

function runTests(files: string[], concurrency: number): boolean {
  const args = ['--test', '--test-timeout=180000', `--test-concurrency=${concurrency}`, ...files]
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0
}

installPackages()
const wanted = process.argv.slice(2)
const files = wanted.length > 0 ? wanted : globSync('test/**/*.test.ts').sort()
const inLab = files.filter(file => file.startsWith('test/lab/'))
const others = files.filter(file => !inLab.includes(file))
const lab = await capability()

// labs measure delays: one at a time
const passed = [others.length === 0 || runTests(others, 2), inLab.length === 0 || runTests(inLab, 1)]
if (!lab.ok) {
  process.stdout.write(`\nskipped: everything in the kernel lab. ${lab.reason}. ${lab.fix}\n`)
  if (process.env['BEELINE_REQUIRE_LAB'] === '1') passed.push(false)
}
process.exitCode = passed.includes(false) ? 1 : 0
