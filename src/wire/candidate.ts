import { addressBytes, addressText, within } from './fields.ts'

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

export interface WireCandidate {
  readonly kind?: CandidateKind
  readonly transport?: PathCandidate['transport']
  readonly address?: Uint8Array
  readonly port?: number
}

/** For the definitions of those messages that have candidates in them. */
export const candidateTypes = {
  // proto2: what is absent differs from 0, and an enum's value that nobody has defined yet is absent
  Candidate: {
    edition: 'proto2',
    fields: {
      kind: { type: 'Kind', id: 1 },
      transport: { type: 'Transport', id: 2 },
      address: { type: 'bytes', id: 3 },
      port: { type: 'uint32', id: 4 }
    },
    nested: {
      Kind: { edition: 'proto2', values: { host: 1, observed: 2, mapped: 3 } },
      Transport: { edition: 'proto2', values: { udp: 1, tcp: 2 } }
    }
  }
}

/** The field of such a list. */
export const candidateList = (id: number) => ({ rule: 'repeated', type: 'Candidate', id })

export function writeCandidates(all: readonly PathCandidate[]): readonly WireCandidate[] {
  return all.slice(0, MAX_CANDIDATES).map(({ kind, transport, address, port }) => {
    return { kind, transport, address: addressBytes(address), port: portOf(port) }
  })
}

/** Kinds and transports of a later version are passed over, and do not count. */
export function readCandidates(all: readonly WireCandidate[]): readonly PathCandidate[] {
  const known: PathCandidate[] = []
  for (const { kind, transport, address, port } of all) {
    if (kind == null || transport == null) continue
    if (known.length === MAX_CANDIDATES) break
    known.push({ kind, transport, address: addressText(address), port: portOf(port) })
  }
  return known
}

function portOf(port: number | undefined): number {
  return within(port, 1, 0xffff, 'port')
}
