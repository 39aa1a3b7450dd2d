import { createSocket } from 'node:dgram'
import { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { UdpOptions, UdpSocket } from '../../core/net.ts'
import { bindError } from '../bind-error.ts'

/**
 * A UDP socket of the system, for few packets. What cannot be sent is lost, as it may be on the way.
 *
 * @throws NatError PORT_TAKEN, NO_NETWORK, LIMIT
 */
export async function systemUdp({ family, address, port = 0, ttl, groups = [] }: UdpOptions): Promise<UdpSocket> {
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    reuseAddr: groups.length > 0
  })
  const host = address ?? (family === 4 ? '0.0.0.0' : '::')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('error', reject)
  socket.bind(port, host, resolve)
  try {
    await promise
    if (ttl != null) socket.setTTL(ttl)
    for (const group of groups) socket.addMembership(group)
  } catch (error) {
    socket.close()
    throw bindError(host, port, (error as NodeJS.ErrnoException).code ?? String(error))
  }
  socket.off('error', reject)
  // each question that is under way listens, and a survey asks a dozen servers
  socket.setMaxListeners(0)
  // an ICMP error that came back for some earlier packet, which is lost like any other
  socket.on('error', () => {})
  // a probe that waits must not keep a program alive that has nothing else to do
  socket.unref()
  const bound = socket.address()
  let closed = false
  return {
    local: { address: bound.address, port: bound.port },
    send({ bytes, to }) {
      // Node throws for port 0, and machines send from timers, where nobody would catch it
      if (!closed && to.port !== 0) socket.send(bytes, to.port, to.address, () => {})
    },
    onPacket(listener) {
      const onMessage = (bytes: Buffer, from: Endpoint) => listener(bytes, { address: from.address, port: from.port })
      socket.on('message', onMessage)
      return () => socket.off('message', onMessage)
    },
    close() {
      if (closed) return
      closed = true
      socket.close()
    }
  }
}

/** Whether an error says that this machine has no network for it, which is nothing to report but the fact. */
export function noNetwork(what: string, cause: unknown): NatError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new NatError('NO_NETWORK', `${what}: ${code ?? message}`, { cause })
}
