import { sleep } from '../core/clock.ts'
import type { Endpoint } from '../core/machine.ts'
import type { SimHost } from './host.ts'
import { familyOf } from './nic.ts'

/** How long answers are waited for. */
const PATIENCE_MS = 1_000

/** A traceroute: all TTLs at once, each from a socket of its own, by whose port the answer is known. */
export async function simHops(
  host: SimHost,
  to: Endpoint,
  maxTtl: number,
  signal: AbortSignal
): Promise<readonly (string | null)[]> {
  signal.throwIfAborted()
  const answers = new Map<number, string>()
  const ttlOf = new Map<number, number>()
  /** The first TTL that reached the endpoint. */
  let end = maxTtl + 1
  const enough = new AbortController()
  const stop = host.onIcmp(({ source, icmp }) => {
    const ttl = icmp && 'about' in icmp ? ttlOf.get(icmp.about.source.port) : undefined
    if (ttl === undefined) return
    if (icmp?.type === 'time-exceeded') answers.set(ttl, source.address)
    else if (icmp?.type === 'unreachable') end = Math.min(end, ttl)
    if (Array.from({ length: end - 1 }, (_, n) => n + 1).every(each => answers.has(each))) enough.abort()
  })
  const sockets = await Promise.all(
    Array.from({ length: maxTtl }, (_, n) => host.udp({ family: familyOf(to.address), ttl: n + 1 }))
  )
  try {
    sockets.forEach((socket, n) => {
      ttlOf.set(socket.local.port, n + 1)
      socket.send({ bytes: Uint8Array.of(n), to })
    })
    await sleep(host.clock, PATIENCE_MS, AbortSignal.any([signal, enough.signal])).catch(() => signal.throwIfAborted())
  } finally {
    stop()
    for (const socket of sockets) socket.close()
  }
  const last = Math.max(0, ...[...answers.keys()].filter(ttl => ttl < end))
  return Array.from({ length: last }, (_, n) => answers.get(n + 1) ?? null)
}
