import { Command, CommanderError, Option } from 'commander'
import {
  bytes,
  count,
  deadline,
  ips,
  list,
  megabytes,
  pause,
  peer,
  peers,
  port,
  techniques,
  token,
  WAYS
} from './arguments.ts'
import { defaultHubs, noHub } from './default-hubs.ts'
import { complain, EXIT, endWithReader, exit, explain, output } from './output.ts'

endWithReader()

const DEFAULT_HUBS = "default: BEELINE_HUB, or the file 'hubs' in the configuration folder"
// a command loads what it needs itself: half a second would be lost on what others need
let code: number = EXIT.done
const program = new Command('beeline')
  .description('Connects two programs that cannot dial each other.')
  .exitOverride()
  .configureOutput({ outputError: text => complain(text.replace(/^error: /, '')) })

withJson(program.command('hub'))
  .description('a public server that peers meet at')
  .option('--config <file>', 'what else may be said of it, in JSON (docs/hub.md); flags count more')
  .option('--host <ip>', 'address to listen on; may be given more than once (default: 0.0.0.0)', ips)
  .option('--port <port>', 'TCP and QUIC (default: 4001)', port)
  .option('--http-port <port>', 'HTTP and WebSocket (default: 8080)', port)
  .option('--stun-port <port>', 'STUN over UDP and TCP (default: 3478, or a free one where that is taken)', port)
  .option('--tls-cert <file>', 'certificate in PEM, for STUN over TLS')
  .option('--tls-key <file>', 'its key')
  .option('--stuns-port <port>', 'STUN over TLS, with a certificate (default: 5349)', port)
  .option('--announce <ip>', 'address to tell peers, behind a forwarding router', ips)
  .option('--data <dir>', "folder for the hub's identity and its records")
  .option('--store <url>', 'where records are kept: sqlite:FILE, memory:, redis://… (default: a file in the folder)')
  .option('--operator-token <token>', 'who has it may list peers over HTTP (better in --config)', token)
  .option('--trusted-proxy <ip>', 'reverse proxies whose X-Forwarded-For counts; networks too; more with commas', list)
  .option('--token <token>', 'only peers that show it may use the hub; more with commas (better in a file)', list)
  .option('--token-file <file>', 'the same, one token a line')
  .option('--allow <peer>', 'peers that may use the hub without a token; more with commas', peers)
  .option('--max-reservations <n>', 'peers that may be reachable here at once (default: 10000)', count)
  .option('--max-circuits <n>', 'relayed connections at once (default: 20000)', count)
  .option('--circuit-bytes <bytes>', 'what one relayed connection may carry each way (default: no limit)', bytes)
  .option(
    '--peer-bytes-per-day <bytes>',
    'what all those that a peer has made may carry a day (default: no limit)',
    bytes
  )
  .option('--peer-bandwidth <bytes>', 'the same a second, such as 2M (default: no limit)', bytes)
  .option('--bandwidth <bytes>', 'what all relayed connections may carry a second (default: no limit)', bytes)
  .action(async options => {
    const { hub } = await import('./hub.ts')
    code = await hub(output(options.json === true), options)
  })

withPeer(program.command('up'))
  .description('stay reachable, and answer pings and perf')
  .option('--key <file>', 'identity; default: the one in the configuration folder')
  .action(async (options, command) => {
    const { up } = await import('./up.ts')
    const isHubNamed = command.getOptionValueSource('hub') === 'cli'
    code = await up(output(options.json === true), { ...options, isHubNamed })
  })

withPeer(program.command('ping').argument('<peer>', 'the id that `beeline up` prints', peer))
  .description('reach a peer by its id')
  .option('--key <file>', 'identity; default: a new one')
  .option('--count <n>', 'pings that count (default: 4; until direct: 1)', count)
  .option('--interval <seconds>', 'between pings', pause, 1)
  .addOption(until())
  .option('--deadline <seconds>', 'for everything (default: 30, and what the pings take)', deadline)
  .option('--verbose', 'also every change of path, and when each step of the connect was done')
  .action(async (id, options) => {
    const { ping } = await import('./ping.ts')
    code = await ping(output(options.json === true), id, options)
  })

withPeer(program.command('perf').argument('<peer>', 'the id that `beeline up` prints', peer))
  .description('measure how fast bytes go to a peer')
  .requiredOption('--mb <n>', 'megabytes to send, of 10^6 bytes', megabytes)
  .option('--key <file>', 'identity; default: a new one')
  .addOption(until())
  .addOption(new Option('--transport <name>', 'what the path must be made of').choices(['quic', 'tcp']))
  .option('--deadline <seconds>', 'to be connected', deadline, 30)
  .action(async (id, options) => {
    const { perf } = await import('./perf.ts')
    code = await perf(output(options.json === true), id, options)
  })

withJson(program.command('doctor'))
  .description('what network this machine is in, and what can be done about it')
  .option('--hub <address>', `hubs to ask, with their peer ids; more with commas (${DEFAULT_HUBS})`, list)
  .option('--token <token>', 'what the hub wants to be shown; with several hubs HUBID=TOKEN', list)
  .option('--full', 'also how long idle mappings live, and the path MTU: takes minutes')
  .option('--key <file>', 'identity; default: a new one')
  .option('--deadline <seconds>', 'for everything (default: 20; with --full 300)', deadline)
  .action(async options => {
    const { doctor } = await import('./doctor.ts')
    const hub = options.hub ?? (await defaultHubs())
    code = await doctor(output(options.json === true), { ...options, ...(hub.length === 0 ? {} : { hub }) })
  })

withJson(program.command('demo'))
  .description('a hub and two peers on this machine, going from relay to direct before your eyes')
  .action(async options => {
    const { demo } = await import('./demo.ts')
    code = await demo(output(options.json === true))
  })

function withJson(command: Command): Command {
  return command.option('--json', 'one JSON object a line')
}

function withPeer(command: Command): Command {
  return withJson(command)
    .option('--hub <address>', `address of a hub, with its peer id; more with commas (${DEFAULT_HUBS})`, list)
    .option('--token <token>', 'what the hub wants to be shown; with several hubs HUBID=TOKEN', list)
    .option('--only <techniques>', `ways to a direct path, with commas: ${WAYS.join(', ')}`, techniques)
    .option('--allow-private', 'offer and dial private addresses too: where hub and peers share a network')
    .option('--no-port-mapping', 'do not ask the router to map our ports')
    .hook('preAction', async peer => {
      if (peer.opts()['hub'] != null) return
      const hubs = await defaultHubs()
      // as with an option that has to be there
      if (hubs.length === 0) peer.error(noHub().message)
      peer.setOptionValueWithSource('hub', hubs, 'default')
    })
}

function until(): Option {
  return new Option('--until <path>', 'what to wait for').choices(['first', 'direct']).default('first')
}

// timers and sockets of ours do not keep the process alive, and a command that waits for one must not end in silence
const alive = setInterval(() => {}, 2 ** 30)
try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) code = explain(error)
  else code = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
clearInterval(alive)
await exit(code)
