import { NatError } from '../core/errors.ts'
import { addressBytes, addressText, atMost, count, within } from './fields.ts'
import { type Codec, protobufCodec } from './protobuf.ts'

/** Which attempt of a technique's series a message is about, from 1. */
interface InRound {
  readonly round: number
}

export interface TargetEndpoint {
  readonly address: string
  readonly port: number
}

/** Where the sender's packets come from when they go to the receiver's address: one of these, or all. */
export interface Targets extends InRound {
  readonly type: 'TARGETS'
  /** 1 to {@link MAX_TARGETS}. */
  readonly endpoints: readonly TargetEndpoint[]
}

/** The sender has sent to the targets, so its NAT has made mappings. */
export interface Opened extends InRound {
  readonly type: 'OPENED'
  readonly address: string
  /** Public ports that its NAT has given to other mappings meanwhile, in that order; at most {@link MAX_SAMPLES}. */
  readonly ports: readonly number[]
  /** Of sequential allocation: what is added from one mapping to the next. */
  readonly step?: number
}

/** Which ports the sender's next mappings will have, as long as nobody else behind its NAT makes some. */
export interface Forecast extends InRound {
  readonly type: 'FORECAST'
  readonly address: string
  /** Of the very next one. */
  readonly port: number
  readonly step: number
}

/** The sender has given up. */
export interface Done {
  readonly type: 'DONE'
  /** A code, as those of REASONS in traversal/attempt.ts, or of a later version. */
  readonly reason: string
}

/** What a later version says. It is read, so that versions can differ, and never written. */
interface Unknown {
  readonly type: 'UNKNOWN'
}

/** What the two sides of `birthday` and of `predict` tell each other. docs/path-protocol.md */
export type ProbingMessage = Targets | Opened | Forecast | Done | Unknown

export const MAX_TARGETS = 8
export const MAX_SAMPLES = 32
export const MAX_ROUND = 16
/** As in a NetworkSummary. */
export const MAX_STEP = 16

interface WireMessage {
  readonly targets?: {
    readonly round?: number
    readonly endpoints: readonly { readonly address?: Uint8Array; readonly port?: number }[]
  }
  readonly opened?: {
    readonly round?: number
    readonly address?: Uint8Array
    readonly ports: readonly number[]
    readonly step?: number
  }
  readonly forecast?: {
    readonly round?: number
    readonly address?: Uint8Array
    readonly port?: number
    readonly step?: number
  }
  readonly done?: { readonly reason?: string }
}

const uint32 = (id: number) => ({ type: 'uint32', id })
const bytes = (id: number) => ({ type: 'bytes', id })
const step = (id: number) => ({ type: 'sint32', id })

const definition = {
  nested: {
    ProbingMessage: {
      // proto2: what is absent differs from 0
      edition: 'proto2',
      fields: {
        targets: { type: 'Targets', id: 1 },
        opened: { type: 'Opened', id: 2 },
        forecast: { type: 'Forecast', id: 3 },
        done: { type: 'Done', id: 4 }
      },
      nested: {
        Targets: {
          edition: 'proto2',
          fields: { round: uint32(1), endpoints: { rule: 'repeated', type: 'Endpoint', id: 2 } },
          nested: { Endpoint: { edition: 'proto2', fields: { address: bytes(1), port: uint32(2) } } }
        },
        Opened: {
          edition: 'proto2',
          fields: {
            round: uint32(1),
            address: bytes(2),
            ports: { rule: 'repeated', type: 'uint32', id: 3 },
            step: step(4)
          }
        },
        Forecast: {
          edition: 'proto2',
          fields: { round: uint32(1), address: bytes(2), port: uint32(3), step: step(4) }
        },
        Done: { edition: 'proto2', fields: { reason: { type: 'string', id: 1 } } }
      }
    }
  }
}

const messages = protobufCodec<WireMessage>(definition, 'ProbingMessage')

export const probingMessageCodec: Codec<ProbingMessage> = {
  encode(message) {
    switch (message.type) {
      case 'TARGETS': {
        const { round, endpoints } = checkedTargets(message)
        const written = endpoints.map(({ address, port }) => ({ address: addressBytes(address), port }))
        return messages.encode({ targets: { round, endpoints: written } })
      }
      case 'OPENED':
        return messages.encode({ opened: { ...checkedOpened(message), address: addressBytes(message.address) } })
      case 'FORECAST':
        return messages.encode({ forecast: { ...checkedForecast(message), address: addressBytes(message.address) } })
      case 'DONE':
        return messages.encode({ done: { reason: code(message.reason) } })
      case 'UNKNOWN':
        throw malformed('of no known type')
      default:
        return message satisfies never
    }
  },
  decode(input) {
    const { targets, opened, forecast, done } = messages.decode(input)
    if ([targets, opened, forecast, done].filter(each => each != null).length > 1) throw malformed('two in one')
    if (targets != null) {
      const endpoints = atMost(targets.endpoints, MAX_TARGETS, 'targets').map(({ address, port }) => {
        return { address: addressText(address), port: portOf(port) }
      })
      return checkedTargets({ round: targets.round, endpoints })
    }
    if (opened != null) return checkedOpened({ ...opened, address: addressText(opened.address) })
    if (forecast != null) return checkedForecast({ ...forecast, address: addressText(forecast.address) })
    if (done != null) return { type: 'DONE', reason: code(done.reason) }
    return { type: 'UNKNOWN' }
  }
}

type Unchecked<T> = { readonly [K in keyof T]?: T[K] | undefined }

function checkedTargets({ round, endpoints = [] }: Unchecked<Omit<Targets, 'type'>>): Targets {
  if (endpoints.length === 0) throw malformed('without targets')
  for (const { port } of atMost(endpoints, MAX_TARGETS, 'targets')) portOf(port)
  return { type: 'TARGETS', round: roundOf(round), endpoints }
}

function checkedOpened({ round, address = '', ports = [], step }: Unchecked<Omit<Opened, 'type'>>): Opened {
  return {
    type: 'OPENED',
    round: roundOf(round),
    address,
    ports: atMost(ports, MAX_SAMPLES, 'ports').map(portOf),
    ...(step == null ? {} : { step: stepOf(step) })
  }
}

function checkedForecast({ round, address = '', port, step }: Unchecked<Omit<Forecast, 'type'>>): Forecast {
  return { type: 'FORECAST', round: roundOf(round), address, port: portOf(port), step: stepOf(step) }
}

function roundOf(round: number | undefined): number {
  return within(count(round), 1, MAX_ROUND, 'round')
}

function portOf(port: number | undefined): number {
  return within(port, 1, 0xffff, 'port')
}

function stepOf(step: number | undefined): number {
  if (step === 0) throw malformed('with a step of 0')
  return within(step, -MAX_STEP, MAX_STEP, 'step')
}

function code(reason: string | undefined): string {
  if (reason == null || !/^[a-z0-9][a-z0-9-]{0,31}$/.test(reason)) throw malformed('with a reason that is no code')
  return reason
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `a message about probes ${what}`)
}
