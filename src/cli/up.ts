import colors from 'picocolors'
import { defaultKeyFile, loadKey } from '../node/key.ts'
import type { Link } from '../node/link.ts'
import { createNode } from '../node/node.ts'
import type { LinkPath } from '../node/path.ts'
import { type Output, untilStopped } from './output.ts'
import { answerPings } from './ping-protocol.ts'

export interface UpArguments {
  readonly hub: readonly string[]
  readonly key?: string
}

export async function up(out: Output, args: UpArguments): Promise<void> {
  const node = await createNode({ hubs: args.hub, key: await loadKey(args.key ?? defaultKeyFile('peer')) })
  await answerPings(node)
  node.events.on('link', link => watch(out, link))
  out.event(
    { event: 'ready', id: node.id, addrs: node.addrs },
    `${colors.green('up')} ${node.id}\nothers reach it with: beeline ping ${node.id} --hub ${args.hub[0]}`
  )
  await untilStopped()
  await node.stop()
}

function watch(out: Output, link: Link): void {
  const show = (path: LinkPath) => {
    const colored = path.kind === 'direct' ? colors.green(path.kind) : colors.yellow(path.kind)
    out.event(
      { event: 'path', peer: link.peer, path: path.kind, transport: path.transport, remote: path.remote },
      `${link.peer}  ${colored} ${path.transport} ${path.remote}`
    )
  }
  if (link.path != null) show(link.path)
  link.events.on('path', show)
  link.events.on('close', () => out.event({ event: 'closed', peer: link.peer }, `${link.peer}  ${colors.dim('gone')}`))
}
