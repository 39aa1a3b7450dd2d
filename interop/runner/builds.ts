import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Implementation } from './matrix.ts'

const ROOM = fileURLToPath(new URL('..', import.meta.url))

/** Not committed: what the compilers make, and the logs. */
export const CACHE = join(ROOM, '.cache')

export interface Peer {
  /** Of the libp2p in it. */
  readonly version: string
  readonly command: readonly string[]
}

export type Built = Peer | { readonly missing: string }

/** Makes a peer program run. The compilers keep their own caches, so a second time takes a second. */
export function build(name: Implementation): Built {
  mkdirSync(CACHE, { recursive: true })
  switch (name) {
    case 'js':
      return { version: jsVersion(), command: [process.execPath, join(ROOM, 'js/main.ts')] }
    case 'go':
      return buildGo()
    case 'rust':
      return buildRust()
    default:
      return name satisfies never
  }
}

function buildGo(): Built {
  const program = join(CACHE, 'go/interop-peer')
  const failure = compile('go', ['build', '-o', program, '.'], join(ROOM, 'go'), 'https://go.dev/dl')
  if (failure !== undefined) return { missing: failure }
  return { version: `go-libp2p ${versionIn('go/go.mod', /go-libp2p v(\S+)/)}`, command: [program] }
}

function buildRust(): Built {
  const target = join(CACHE, 'rust')
  const args = ['build', '--release', '--locked', '--target-dir', target]
  const failure = compile('cargo', args, join(ROOM, 'rust'), 'https://rustup.rs')
  if (failure !== undefined) return { missing: failure }
  const version = versionIn('rust/Cargo.lock', /name = "libp2p"\nversion = "(.*)"/)
  return { version: `rust-libp2p ${version}`, command: [join(target, 'release/interop-peer')] }
}

/** What went wrong, if anything did. At low priority: minutes of two cores, the first time. */
function compile(tool: string, args: string[], cwd: string, from: string): string | undefined {
  if (spawnSync(tool, ['version'], { stdio: 'ignore' }).error) return `there is no ${tool} on this machine: ${from}`
  process.stderr.write(`${tool} ${args[0]} in ${relative(process.cwd(), cwd)}\n`)
  const { status, error } = spawnSync('nice', ['-n', '19', tool, ...args], { cwd, stdio: ['ignore', 2, 2] })
  return status === 0 ? undefined : `${tool} ${args[0]} failed${error ? `: ${error.message}` : ', see above'}`
}

function jsVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOM, '../package.json'), 'utf8'))
  return `beeline ${version}`
}

function versionIn(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(join(ROOM, file), 'utf8'))?.[1] ?? 'of unknown version'
}
