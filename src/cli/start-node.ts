import { stat } from 'node:fs/promises'
import { NatError } from '../core/errors.ts'
import { hubError, noNetwork } from '../node/connect-error.ts'
import { withTokens } from '../node/hub-tokens.ts'
import { loadKey } from '../node/key.ts'
import type { Link } from '../node/link.ts'
import { createNode, type Node } from '../node/node.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import { complain } from './output.ts'
import { Stopped } from './stop-signal.ts'

/** What every command that is a peer takes. */
export interface PeerArguments {
  readonly hub: readonly string[]
  /** For hubs that are not open to all: `TOKEN`, or `HUBID=TOKEN`. @default the variable BEELINE_TOKEN */
  readonly token?: readonly string[]
  readonly key?: string
  readonly allowPrivate?: boolean
  /** What may be tried to get a direct path. */
  readonly only?: readonly TechniqueName[]
  /** Whether to have the router map our ports. @default true, unless all hubs are on this machine */
  readonly portMapping?: boolean
}

/** How long a node may take to say goodbye before the program goes without. */
const STOP_MS = 2_000

/**
 * Starts a node that is at its hub.
 *
 * @throws NatError BAD_ADDRESS, BAD_OPTION, BAD_KEY, NO_HUB, NO_NETWORK, WRONG_PEER, HUB_REFUSED; the signal's reason
 */
export async function startNode(args: PeerArguments, signal: AbortSignal): Promise<Node> {
  const options = {
    hubs: withTokens(args.hub, args.token ?? tokensIn(process.env)),
    signal,
    ...(args.allowPrivate === true ? { allowPrivate: true } : {}),
    ...(args.portMapping === false ? { portMapping: false } : {}),
    ...(args.only == null ? {} : { techniques: args.only }),
    ...(args.key == null ? {} : { key: await loadKey(args.key) })
  }
  if (args.key != null) await warnIfReadable(args.key)
  noNetwork(args.hub)
  const starting = createNode(options)
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => {
    reject(signal.reason)
    starting.then(node => node.stop()).catch(() => {})
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([starting, promise])
  } catch (error) {
    throw error instanceof Stopped ? error : hubError(args.hub, error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** @throws NatError as `node.connect`, and BAD_ADDRESS for our own id */
export async function connectTo(
  node: Node,
  peer: string,
  options: { readonly signal: AbortSignal; readonly until?: 'first' | 'direct' }
): Promise<Link> {
  if (peer === node.id) {
    throw new NatError('BAD_ADDRESS', `${peer} is this peer's own id: name the other one, or another key with --key`)
  }
  return await node.connect(peer, options)
}

/** Stops a node, but waits no longer than is polite: a dead connection's other side never answers. */
export async function stopNode(node: Node): Promise<void> {
  await Promise.race([node.stop().catch(() => {}), new Promise(resolve => setTimeout(resolve, STOP_MS))])
}

/** Other users of the machine see a program's arguments, but not its environment. */
function tokensIn({ BEELINE_TOKEN = '' }: NodeJS.ProcessEnv): string[] {
  return BEELINE_TOKEN.split(',').filter(each => each !== '')
}

async function warnIfReadable(file: string): Promise<void> {
  // Windows has no such modes
  if (process.platform === 'win32') return
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) complain(`others may read the key file ${file}, and pass for this peer: chmod 600 ${file}`)
}
