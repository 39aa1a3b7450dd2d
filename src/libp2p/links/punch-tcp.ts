import type { AgentEvent } from '../../traversal/paths/api.ts'
import { TcpTransport } from '../tcp/transport.ts'
import type { LinksContext } from './context.ts'
import type { LinkSession } from './session.ts'
import { TcpPipe } from './tcp-pipe.ts'

type PunchTcp = Extract<AgentEvent, { type: 'punch-tcp' }>

/** Makes the TCP connect on which both sides of a link have agreed. The agent is told what comes of it. Never throws. */
export async function punchTcp(
  { components, clock, log }: LinksContext,
  session: LinkSession,
  { candidates, role }: PunchTcp,
  signal: AbortSignal
): Promise<void> {
  const { keys } = session
  const transport = components.transportManager.getTransports().find(each => each instanceof TcpTransport)
  if (transport == null || keys == null) {
    session.feed({ type: 'punched', ok: false, reason: 'no-transport', ms: 0, detail: 'no TCP that can be punched' })
    return
  }
  const closing = new AbortController()
  const off = session.events.on('close', () => closing.abort())
  const proof = { link: keys.id, ...keys.attach }
  const punched = await transport
    .punchRaw(candidates, { keys: proof, role, signal: AbortSignal.any([signal, closing.signal]) })
    // the system has no port or no socket left
    .catch((error: Error) => ({ ok: false, reason: 'port-taken', ms: 0, detail: error.message }) as const)
    .finally(off)
  if (!punched.ok) {
    const { reason, ms, detail } = punched
    log('TCP to %p as %s: %s', session.peer, role, detail)
    session.feed({ type: 'punched', ok: false, reason, ms, detail })
    return
  }
  const pipe = new TcpPipe(punched.socket, punched.remote, clock, role)
  session.feed({ type: 'punched', ok: true, reason: 'connected', ms: punched.ms, detail: pipe.remote })
  session.addPipe(pipe)
}
