import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

it('the package that npm would publish holds what its exports and its command name, and runs', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await run('npm', ['pack', '--pack-destination', folder, '--silent'], { cwd: root })
  await run('sh', ['-c', 'tar xzf *.tgz'], { cwd: folder })
  // installed beside its dependencies, as a program of somebody else would have it
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  const installed = join(modules, 'beeline')
  await symlink(join(root, 'node_modules'), join(folder, 'package', 'node_modules'))
  await symlink(join(folder, 'package'), installed)

  const source = `
    import { createNode, NatError } from 'beeline'
    import { circuitRelay, dcutr, quic } from 'beeline/libp2p'
    import { relayService, startHub } from 'beeline/hub'
    import { createSim, openGateway } from 'beeline/sim'
    await createNode({ hubs: [] }).catch(error => console.log(error instanceof NatError, error.code))
    console.log([circuitRelay, dcutr, quic, relayService, startHub, createSim, openGateway].every(each => typeof each === 'function'))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source], { cwd: folder })
  assert.equal(stdout, 'true NO_HUB\ntrue\n')
  const help = await run(process.execPath, [join(installed, 'dist/src/cli/main.js'), '--help'], { cwd: folder })
  assert.match(help.stdout, /Usage: beeline/)
})
