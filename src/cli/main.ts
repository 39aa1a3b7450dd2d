import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { hub } from './hub.ts'
import { EXIT, explain, output } from './output.ts'
import { ping } from './ping.ts'
import { up } from './up.ts'

const list = (value: string, previous: readonly string[] = []): string[] => [...previous, ...value.split(',')]
const number = (value: string): number => {
  const parsed = Number(value)
  if (value.trim() === '' || !Number.isFinite(parsed) || parsed < 0)
    throw new InvalidArgumentError('it must be a number, 0 or more.')
  return parsed
}
const port = (value: string): number => {
  const parsed = number(value)
  if (!Number.isInteger(parsed) || parsed > 65535) throw new InvalidArgumentError('it must be a port, 0 to 65535.')
  return parsed
}

const program = new Command('beeline').description('Connects two programs that cannot dial each other.').exitOverride()

program
  .command('hub')
  .description('a public server that peers meet at')
  .option('--host <ip>', 'address to listen on; may be given more than once', list)
  .option('--port <port>', 'TCP and QUIC', port, 4001)
  .option('--http-port <port>', 'WebSocket', port, 8080)
  .option('--announce <ip>', 'address to tell peers, behind a forwarding router', list)
  .option('--data <dir>', "folder for the hub's identity")
  .option('--json', 'one JSON object a line')
  .action(async options => hub(output(options.json === true), { ...options, host: options.host ?? ['0.0.0.0'] }))

program
  .command('up')
  .description('stay reachable, and answer pings')
  .requiredOption('--hub <address>', 'address of a hub, with its peer id; more with commas', list)
  .option('--key <file>', 'identity')
  .option('--json', 'one JSON object a line')
  .action(async options => up(output(options.json === true), options))

program
  .command('ping <peer>')
  .description('reach a peer by its id')
  .requiredOption('--hub <address>', 'address of a hub, with its peer id; more with commas', list)
  .option('--key <file>', 'identity; default: a new one')
  .option('--count <n>', 'pings that count', number)
  .option('--interval <seconds>', 'between pings', number, 1)
  .addOption(new Option('--until <path>', 'what to wait for').choices(['first', 'direct']).default('first'))
  .option('--deadline <seconds>', 'for everything', number, 30)
  .option('--json', 'one JSON object a line')
  .action(async (peer, options) => {
    process.exitCode = await ping(output(options.json === true), peer, options)
  })

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) process.exitCode = explain(error)
  else process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
