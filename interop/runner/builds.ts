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
      return buildGo('go', [], {})
    case 'go-0.40':
      // its quic-go panics on the crypto/tls of later toolchains; Go fetches this one by itself
      return buildGo('go-0.40', ['-tags=go_libp2p_0_40'], { GOTOOLCHAIN: 'go1.24.11' })
    case 'rust':
      return buildRust()
    default:
      return name satisfies never
  }
}

/** The same source, against the go-libp2p that the module file names. */
function buildGo(name: 'go' | 'go-0.40', flags: string[], env: NodeJS.ProcessEnv): Built {
  const moduleFile = `${name}.mod`
  const program = join(CACHE, name, 'interop-peer')
  const args = ['build', `-modfile=${moduleFile}`, ...flags, '-o', program, '.']
  const failure = compile('go', args, join(ROOM, 'go'), 'https://go.dev/dl', env)
  if (failure !== undefined) return { missing: failure }
  return { version: `go-libp2p ${versionIn(`go/${moduleFile}`, /go-libp2p v(\S+)/)}`, command: [program] }
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
function compile(
  tool: string,
  args: string[],
  cwd: string,
  from: string,
  env: NodeJS.ProcessEnv = {}
): string | undefined {
  if (spawnSync(tool, ['version'], { stdio: 'ignore' }).error) return `there is no ${tool} on this machine: ${from}`
  process.stderr.write(`${tool} ${args[0]} in ${relative(process.cwd(), cwd)}\n`)
  const { status, error } = spawnSync('nice', ['-n', '19', tool, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2]
  })
  return status === 0 ? undefined : `${tool} ${args[0]} failed${error ? `: ${error.message}` : ', see above'}`
}

function jsVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOM, '../package.json'), 'utf8'))
  return `beeline ${version}`
}

function versionIn(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(join(ROOM, file), 'utf8'))?.[1] ?? 'of unknown version'
}
