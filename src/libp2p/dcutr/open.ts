import { drive } from '../../core/machine.ts'
import { OpeningMachine } from '../../traversal/opening.ts'
import type { AddressCandidate } from '../candidate.ts'
import type { Context } from './context.ts'

/**
 * Sends opening packets to the candidates, each through the transport that punches it, until the signal aborts or the
 * packets are used up.
 *
 * @returns how many packets went out
 */
export async function open(
  context: Context,
  candidates: readonly AddressCandidate[],
  signal: AbortSignal
): Promise<number> {
  const byEndpoint = new Map(candidates.map(candidate => [`${candidate.address} ${candidate.port}`, candidate]))
  const net = {
    send: ({ bytes, to }: { bytes: Uint8Array; to: { address: string; port: number } }) => {
      const candidate = byEndpoint.get(`${to.address} ${to.port}`)
      candidate?.puncher.sendDatagram?.(bytes, candidate.multiaddr)
    },
    onPacket: () => () => {}
  }
  let packets = 0
  const machine = new OpeningMachine({ targets: candidates, random: context.random, allowance: context.openings })
  const driven = drive(machine, net, context.clock, event => (packets = event.packets), signal)
  await driven.ended
  return packets
}
