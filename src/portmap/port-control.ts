import type { Endpoint } from '../core/machine.ts'
import type { NetHost, UdpSocket } from '../core/net.ts'
import { encodeNatPmpRequest, type NatPmpRequest, type NatPmpResponse } from '../wire/natpmp.ts'
import { PCP_SERVER_PORT } from '../wire/pcp/codes.ts'
import type { EpochWatch } from './epoch.ts'
import { exchange } from './exchange.ts'
import type { Ask, Grant, MappingClient, Outcome, Wanted } from './mapping.ts'
import { natPmpAddress, natPmpOutcome, readNatPmpAnswer } from './nat-pmp.ts'
import type { Nonces } from './nonces.ts'
import { type PcpAnswer, pcpOutcome, pcpRequest, readPcpAnswer } from './pcp.ts'
import type { Uplink } from './uplink.ts'

/**
 * When a question is sent again: RFC 6886 section 3.1 begins so, and goes on to 64 s. PCP's first pause is 3 s (RFC 6887 section
 * 8.1.1), meant for servers further away than the own router, which answers within milliseconds or not at all.
 */
const SENDS_MS = [0, 250, 750, 1_750] as const
const END_MS = 2_500
/** When a server that has not answered to PCP is asked by NAT-PMP: some of those do not say that they know no PCP. */
const NAT_PMP_SENDS_MS = [500, 1_250] as const

const NO_ANSWER: Outcome = { refused: { reason: 'no-answer', detail: `nobody on port ${PCP_SERVER_PORT}` } }

export interface PortControlInit {
  readonly host: NetHost
  readonly uplink: Uplink
  /** Bound to the uplink's address: a server compares it with what the request says (RFC 6887 section 8.2). */
  readonly socket: UdpSocket
  /** Of the router, whichever protocol told. */
  readonly epoch: EpochWatch
  readonly nonces: Nonces
  /** The server has forgotten what it had mapped. */
  onRestart(): void
}

/** The router on port 5351, which speaks PCP, or NAT-PMP when it says so. */
export class PortControl implements MappingClient {
  readonly #init: PortControlInit
  readonly #server: Endpoint
  #speaks: 'pcp' | 'nat-pmp' | 'unknown' = 'unknown'

  constructor(init: PortControlInit) {
    this.#init = init
    this.#server = { address: init.uplink.gateway, port: PCP_SERVER_PORT }
  }

  async map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome> {
    if (this.#speaks !== 'nat-pmp') {
      const outcome = await this.#mapByPcp(ask, held, signal)
      if (outcome != null) return outcome
    }
    const outcome = await this.#mapByNatPmp(ask, signal)
    // whoever comes next may be another router, or this one after an update
    if ('refused' in outcome && outcome.refused.reason === 'no-answer') this.#speaks = 'unknown'
    return outcome
  }

  async unmap({ protocol, internalPort }: Wanted, held: Grant | undefined, signal: AbortSignal): Promise<void> {
    const gone = { protocol, internalPort, externalPort: 0, lifetimeSeconds: 0 }
    if (held?.by === 'nat-pmp' || this.#speaks === 'nat-pmp') {
      await this.#askNatPmp({ ...gone, opcode: protocol }, gone, signal)
    } else if (this.#speaks === 'pcp') await this.#askPcp(gone, held, [], signal)
  }

  /** @returns undefined when the server speaks NAT-PMP instead */
  async #mapByPcp(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome | undefined> {
    const { family } = this.#init.uplink
    const mayFallBack = family === 4 && this.#speaks === 'unknown'
    const answer = await this.#askPcp(ask, held, mayFallBack ? NAT_PMP_SENDS_MS : [], signal)
    if (answer == null) {
      this.#speaks = 'unknown'
      return NO_ANSWER
    }
    if ('response' in answer) {
      this.#speaks = 'pcp'
      return pcpOutcome(answer.response, this.#internal(ask))
    }
    if (answer.version !== 0 || family === 6) {
      return { refused: { reason: 'unsupported', detail: `PCP version ${answer.version}` } }
    }
    this.#speaks = 'nat-pmp'
    return undefined
  }

  async #askPcp(
    ask: Ask,
    held: Grant | undefined,
    natPmpSendsMs: readonly number[],
    signal: AbortSignal
  ): Promise<PcpAnswer | undefined> {
    const { host, uplink, socket, nonces } = this.#init
    const nonce = nonces.of(uplink.gateway, ask)
    const bytes = pcpRequest(ask, uplink.address, uplink.family, nonce, held)
    const natPmp = encodeNatPmpRequest({ opcode: 'address' })
    const answer = await exchange<PcpAnswer>(
      {
        to: this.#server,
        sends: [
          ...SENDS_MS.map(atMs => ({ atMs, bytes })),
          ...natPmpSendsMs.map(atMs => ({ atMs, bytes: natPmp }))
        ].sort((one, other) => one.atMs - other.atMs),
        endMs: END_MS,
        read: answered =>
          readPcpAnswer(answered, ask, nonce) ??
          (natPmpSendsMs.length > 0 && readNatPmpAnswer(answered, 'address') != null ? { version: 0 } : undefined)
      },
      socket,
      host.clock,
      signal
    )
    if (answer != null && 'response' in answer) this.#heed(answer.response.epochSeconds)
    return answer
  }

  async #mapByNatPmp(ask: Ask, signal: AbortSignal): Promise<Outcome> {
    const told = await this.#askNatPmp({ opcode: 'address' }, 'address', signal)
    if (told == null) return NO_ANSWER
    const external = natPmpAddress(told)
    if ('refused' in external) return external
    const answer = await this.#askNatPmp({ ...ask, opcode: ask.protocol }, ask, signal)
    return answer == null ? NO_ANSWER : natPmpOutcome(answer, this.#internal(ask), external.address)
  }

  async #askNatPmp(
    request: NatPmpRequest,
    about: 'address' | Wanted,
    signal: AbortSignal
  ): Promise<NatPmpResponse | undefined> {
    const bytes = encodeNatPmpRequest(request)
    const { host, socket } = this.#init
    const answer = await exchange(
      {
        to: this.#server,
        sends: SENDS_MS.map(atMs => ({ atMs, bytes })),
        endMs: END_MS,
        read: answered => readNatPmpAnswer(answered, about)
      },
      socket,
      host.clock,
      signal
    )
    if (answer != null) this.#heed(answer.epochSeconds)
    return answer
  }

  #heed(epochSeconds: number): void {
    const { host, epoch, onRestart } = this.#init
    if (epoch.restarted(host.clock.now(), epochSeconds)) onRestart()
  }

  #internal({ internalPort }: Wanted): Endpoint {
    return { address: this.#init.uplink.address, port: internalPort }
  }
}
