import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { NatError } from '../core/errors.ts'
import { type Codec, protobufCodec } from './protobuf.ts'

/** The relayed stream of a link: the first frame each way is a {@link PipeHello}, all others are datagrams (wire/datagrams.ts). */
export const LINK_PROTOCOL = '/beeline/link/1.0.0'
/** Path agreement, over the link itself. docs/path-protocol.md */
export const PATH_PROTOCOL = '/beeline/path/1.0.0'

/** How an address of ours came to be known. `host`: of an interface; `observed`: others see it; `mapped`: a router has mapped it. */
export type CandidateKind = 'host' | 'observed' | 'mapped'

/** A place where a peer may be reached. */
export interface PathCandidate {
  readonly kind: CandidateKind
  readonly transport: 'udp' | 'tcp'
  /** A literal address, IPv4 or IPv6, in canonical spelling. */
  readonly address: string
  readonly port: number
}

/** What is read of a list of candidates; an honest peer has a handful. */
export const MAX_CANDIDATES = 16

/** What a later version says. It is read, so that versions can differ, and never written. */
export interface Unknown {
  readonly type: 'UNKNOWN'
}

export type PathMessage =
  /** All candidates that the sender has now. Of two lists the one with the higher number counts. */
  | { readonly type: 'CANDIDATES'; readonly seq: number; readonly candidates: readonly PathCandidate[] }
  /**
   * A simultaneous TCP connect. The side that decides asks, the other answers with the same round: the one begins when the answer
   * has come, the other half a round trip after it has left.
   */
  | { readonly type: 'PUNCH_TCP'; readonly round: number; readonly candidates: readonly PathCandidate[] }
  | Unknown

/** The first frame on a relayed stream of a link: it begins a link, or adds a path to one. */
export type PipeHello =
  /** A signed envelope with a {@link LinkOffer}. */
  | { readonly type: 'OFFER'; readonly envelope: Uint8Array }
  | { readonly type: 'ATTACH'; readonly attach: LinkAttach }
  | Unknown

/** What each side of a new link tells the other, signed by its identity. */
export interface LinkOffer {
  /** X25519, 32 bytes. */
  readonly key: Uint8Array
  /** The multihash of the peer that it is meant for. */
  readonly to: Uint8Array
  /** SHA-256 of the envelope that it answers; absent in the first one. */
  readonly answers?: Uint8Array
  readonly candidates: readonly PathCandidate[]
}

/** A further relayed stream for a link that there is. */
export interface LinkAttach {
  /** The link's id, 8 bytes. */
  readonly link: Uint8Array
  /** Higher than any before from this side. */
  readonly number: number
  /** HMAC-SHA256 over the two, with the sender's key of the link, 32 bytes. */
  readonly mac: Uint8Array
}

interface WireCandidate {
  readonly kind?: CandidateKind
  readonly transport?: PathCandidate['transport']
  readonly address?: Uint8Array
  readonly port?: number
}

interface WireMessage {
  readonly candidates?: { readonly seq?: number; readonly candidates: readonly WireCandidate[] }
  readonly punchTcp?: { readonly round?: number; readonly candidates: readonly WireCandidate[] }
}

interface WireHello {
  readonly offer?: Uint8Array
  readonly attach?: Partial<LinkAttach>
}

type WireOffer = Partial<Omit<LinkOffer, 'candidates'>> & { readonly candidates: readonly WireCandidate[] }

const bytes = (id: number) => ({ type: 'bytes', id })
const counter = (id: number) => ({ type: 'uint64', id })
const candidates = (id: number) => ({ rule: 'repeated', type: 'Candidate', id })

// proto2: what is absent differs from 0, and an enum's value that nobody has defined yet is absent
const definition = {
  nested: {
    Candidate: {
      edition: 'proto2',
      fields: {
        kind: { type: 'Kind', id: 1 },
        transport: { type: 'Transport', id: 2 },
        address: bytes(3),
        port: { type: 'uint32', id: 4 }
      },
      nested: {
        Kind: { edition: 'proto2', values: { host: 1, observed: 2, mapped: 3 } },
        Transport: { edition: 'proto2', values: { udp: 1, tcp: 2 } }
      }
    },
    PathMessage: {
      edition: 'proto2',
      fields: { candidates: { type: 'Candidates', id: 1 }, punchTcp: { type: 'PunchTcp', id: 2 } },
      nested: {
        Candidates: { edition: 'proto2', fields: { seq: counter(1), candidates: candidates(2) } },
        PunchTcp: { edition: 'proto2', fields: { round: counter(1), candidates: candidates(2) } }
      }
    },
    PipeHello: {
      edition: 'proto2',
      fields: { offer: bytes(1), attach: { type: 'LinkAttach', id: 2 } },
      nested: {
        LinkAttach: { edition: 'proto2', fields: { link: bytes(1), number: counter(2), mac: bytes(3) } }
      }
    },
    LinkOffer: {
      edition: 'proto2',
      fields: { key: bytes(1), to: bytes(2), answers: bytes(3), candidates: candidates(4) }
    }
  }
}

const KEY_BYTES = 32
const HASH_BYTES = 32
const LINK_ID_BYTES = 8
/** The longest of a peer id that is in use is an Ed25519 key in an identity multihash: 38. */
const MAX_MULTIHASH_BYTES = 64

const messages = protobufCodec<WireMessage>(definition, 'PathMessage')
const hellos = protobufCodec<WireHello>(definition, 'PipeHello')
const offers = protobufCodec<WireOffer>(definition, 'LinkOffer')

export const pathMessageCodec: Codec<PathMessage> = {
  encode(message) {
    switch (message.type) {
      case 'CANDIDATES':
        return messages.encode({ candidates: { seq: count(message.seq), candidates: written(message.candidates) } })
      case 'PUNCH_TCP':
        return messages.encode({ punchTcp: { round: count(message.round), candidates: written(message.candidates) } })
      case 'UNKNOWN':
        throw malformed('a path message of no known type')
      default:
        return message satisfies never
    }
  },
  decode(input) {
    const { candidates, punchTcp } = messages.decode(input)
    if (candidates != null && punchTcp != null) throw malformed('two path messages in one')
    if (candidates != null) {
      return { type: 'CANDIDATES', seq: count(candidates.seq), candidates: read(candidates.candidates) }
    }
    if (punchTcp != null) {
      return { type: 'PUNCH_TCP', round: count(punchTcp.round), candidates: read(punchTcp.candidates) }
    }
    return { type: 'UNKNOWN' }
  }
}

export const pipeHelloCodec: Codec<PipeHello> = {
  encode(hello) {
    switch (hello.type) {
      case 'OFFER':
        return hellos.encode({ offer: hello.envelope })
      case 'ATTACH':
        return hellos.encode({ attach: checkedAttach(hello.attach) })
      case 'UNKNOWN':
        throw malformed('a hello of no known type')
      default:
        return hello satisfies never
    }
  },
  decode(input) {
    const { offer, attach } = hellos.decode(input)
    if (offer != null && attach != null) throw malformed('two hellos in one')
    if (offer != null) return { type: 'OFFER', envelope: offer }
    if (attach != null) return { type: 'ATTACH', attach: checkedAttach(attach) }
    return { type: 'UNKNOWN' }
  }
}

export const linkOfferCodec: Codec<LinkOffer> = {
  encode: offer => offers.encode({ ...checkedOffer(offer), candidates: written(offer.candidates) }),
  decode(input) {
    const offer = offers.decode(input)
    return { ...checkedOffer(offer), candidates: read(offer.candidates) }
  }
}

function checkedAttach({ link, number, mac }: Partial<LinkAttach>): LinkAttach {
  return { link: exactly(link, LINK_ID_BYTES, 'link'), number: count(number), mac: exactly(mac, HASH_BYTES, 'MAC') }
}

function checkedOffer({ key, to, answers }: Partial<Omit<LinkOffer, 'candidates'>>): Omit<LinkOffer, 'candidates'> {
  if (to == null || to.length === 0 || to.length > MAX_MULTIHASH_BYTES) throw malformed('an offer to nobody')
  return {
    key: exactly(key, KEY_BYTES, 'key'),
    to,
    ...(answers == null ? {} : { answers: exactly(answers, HASH_BYTES, 'hash') })
  }
}

function written(all: readonly PathCandidate[]): readonly WireCandidate[] {
  return all.slice(0, MAX_CANDIDATES).map(({ kind, transport, address, port }) => {
    if (!isIPv4(address) && !(isIPv6(address) && !address.includes('%'))) {
      throw malformed(`'${address}' is no address that a candidate can have`)
    }
    return { kind, transport, address: Uint8Array.from(ipaddr.parse(address).toByteArray()), port: portOf(port) }
  })
}

/** Kinds and transports of a later version are passed over, and do not count. */
function read(all: readonly WireCandidate[]): readonly PathCandidate[] {
  const known: PathCandidate[] = []
  for (const { kind, transport, address, port } of all) {
    if (kind == null || transport == null) continue
    if (known.length === MAX_CANDIDATES) break
    if (address?.length !== 4 && address?.length !== 16) {
      throw malformed(`an address of ${address?.length ?? 0} bytes`)
    }
    known.push({ kind, transport, address: ipaddr.fromByteArray([...address]).toString(), port: portOf(port) })
  }
  return known
}

function portOf(port: number | undefined): number {
  if (port == null || !Number.isInteger(port) || port < 1 || port > 0xffff) throw malformed(`port ${port}`)
  return port
}

function count(value: number | undefined): number {
  if (value == null || !Number.isSafeInteger(value) || value < 0) throw malformed(`a count of ${value}`)
  return value
}

function exactly(value: Uint8Array | undefined, length: number, what: string): Uint8Array {
  if (value?.length !== length) throw malformed(`a ${what} of ${value?.length ?? 0} bytes`)
  return value
}

function malformed(what: string): NatError {
  return new NatError('MALFORMED', `path agreement: ${what}`)
}
