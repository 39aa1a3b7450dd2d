import type { Connection } from '@libp2p/interface'
import { PingStream, type PingTools } from '../ping-stream.ts'

/**
 * Whether bytes go both ways. A handshake that ended on our side may not have ended on the other, and a path that
 * carried small packets may carry none now.
 */
export async function carriesBytes(
  connection: Connection,
  tools: PingTools,
  ms: number,
  signal: AbortSignal
): Promise<boolean> {
  const pings = new PingStream(connection, tools)
  const carries = await pings.answers(ms, signal)
  pings.close()
  return carries
}
