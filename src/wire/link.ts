import {
  candidateList,
  candidateTypes,
  type PathCandidate,
  readCandidates,
  type WireCandidate,
  writeCandidates
} from './candidate.ts'
import { count, exactly, malformed, sized } from './fields.ts'
import { type Codec, protobufCodec } from './protobuf.ts'
import { type NetworkSummary, readableSummary, summaryCodec } from './summary.ts'

/** The relayed stream of a link: the first frame each way is a {@link PipeHello}, all others are datagrams (wire/datagrams.ts). */
export const LINK_PROTOCOL = '/beeline/link/1.0.0'

/** The first frame on a relayed stream of a link: it begins a link, or adds a path to one. */
export type PipeHello =
  /** A signed envelope with a {@link LinkOffer}. */
  | { readonly type: 'OFFER'; readonly envelope: Uint8Array }
  | { readonly type: 'ATTACH'; readonly attach: LinkAttach }
  /** What a later version says. It is read, so that versions can differ, and never written. */
  | { readonly type: 'UNKNOWN' }

/** What each side of a new link tells the other, signed by its identity. */
export interface LinkOffer {
  /** X25519, 32 bytes. */
  readonly key: Uint8Array
  /** The multihash of the peer that it is meant for. */
  readonly to: Uint8Array
  /** SHA-256 of the envelope that it answers; absent in the first one. */
  readonly answers?: Uint8Array
  readonly candidates: readonly PathCandidate[]
  /** Absent while the sender does not know its network, and when it cannot be read. */
  readonly summary?: NetworkSummary
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

interface WireHello {
  readonly offer?: Uint8Array
  readonly attach?: Partial<LinkAttach>
}

type Signed = Pick<LinkOffer, 'key' | 'to' | 'answers'>
type WireOffer = Partial<Signed> & { readonly candidates: readonly WireCandidate[]; readonly summary?: Uint8Array }

const bytes = (id: number) => ({ type: 'bytes', id })

const definition = {
  nested: {
    ...candidateTypes,
    PipeHello: {
      edition: 'proto2',
      fields: { offer: bytes(1), attach: { type: 'LinkAttach', id: 2 } },
      nested: {
        LinkAttach: { edition: 'proto2', fields: { link: bytes(1), number: { type: 'uint64', id: 2 }, mac: bytes(3) } }
      }
    },
    LinkOffer: {
      edition: 'proto2',
      // the summary as bytes: one that is malformed must not spoil the offer
      fields: { key: bytes(1), to: bytes(2), answers: bytes(3), candidates: candidateList(4), summary: bytes(5) }
    }
  }
}

const KEY_BYTES = 32
const HASH_BYTES = 32
const LINK_ID_BYTES = 8
/** The longest of a peer id that is in use is an Ed25519 key in an identity multihash: 38. */
const MAX_MULTIHASH_BYTES = 64

const hellos = protobufCodec<WireHello>(definition, 'PipeHello')
const offers = protobufCodec<WireOffer>(definition, 'LinkOffer')

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
  encode({ candidates, summary, ...signed }) {
    return offers.encode({
      ...checkedOffer(signed),
      candidates: writeCandidates(candidates),
      ...(summary == null ? {} : { summary: summaryCodec.encode(summary) })
    })
  },
  decode(input) {
    const { candidates, summary: encoded, ...signed } = offers.decode(input)
    const summary = encoded == null ? undefined : readableSummary(encoded)
    return {
      ...checkedOffer(signed),
      candidates: readCandidates(candidates),
      ...(summary == null ? {} : { summary })
    }
  }
}

function checkedAttach({ link, number, mac }: Partial<LinkAttach>): LinkAttach {
  return { link: exactly(link, LINK_ID_BYTES, 'link'), number: count(number), mac: exactly(mac, HASH_BYTES, 'MAC') }
}

function checkedOffer({ key, to, answers }: Partial<Signed>): Signed {
  return {
    key: exactly(key, KEY_BYTES, 'key'),
    to: sized(to, 1, MAX_MULTIHASH_BYTES, 'peer'),
    ...(answers == null ? {} : { answers: exactly(answers, HASH_BYTES, 'hash') })
  }
}
