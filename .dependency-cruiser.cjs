/**
 * The arrows of the house (docs/decisions.md): a room imports only rooms left of it; core/errors.ts is the floor that all stand on.
 *   wire <- core <- socket <- { nat, portmap } <- traversal <- libp2p <- node <- hub <- cli;  sim sees only core and wire, and only cli sees sim
 */
const middle = 'socket|nat|portmap|traversal'
const mayImport = {
  wire: [],
  core: ['wire'],
  socket: ['wire', 'core'],
  nat: ['wire', 'core', 'socket'],
  portmap: ['wire', 'core', 'socket'],
  traversal: ['wire', 'core', 'socket', 'nat', 'portmap'],
  sim: ['wire', 'core'],
  libp2p: ['wire', 'core', ...middle.split('|')],
  node: ['wire', 'core', ...middle.split('|'), 'libp2p'],
  hub: ['wire', 'core', ...middle.split('|'), 'libp2p', 'node'],
  cli: ['wire', 'core', ...middle.split('|'), 'libp2p', 'node', 'hub', 'sim']
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...Object.entries(mayImport).map(([room, rooms]) => ({
      name: `${room}-imports-leftwards`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/((${[room, ...rooms].join('|')})/|core/errors\\.ts)` }
    })),
    {
      name: 'libp2p-stays-right',
      comment: 'only libp2p/ and the rooms right of it know libp2p',
      severity: 'error',
      from: { path: `^src/(wire|core|sim|${middle})/` },
      to: { path: 'node_modules/(libp2p|@libp2p|@chainsafe|@multiformats)/' }
    },
    {
      name: 'src-stands-alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/demo-stage\\.ts$' },
      to: { path: '^(lab|test|bench|examples)/' }
    },
    {
      name: 'the-demo-runs-in-the-lab',
      severity: 'error',
      from: { path: '^src/cli/demo-stage\\.ts$' },
      to: { path: '^(test|bench|examples)/|^lab/', pathNot: '^lab/lab\\.ts$' }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] }
  }
}
