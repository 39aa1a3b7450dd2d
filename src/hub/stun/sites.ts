import type { Family } from '../../core/net.ts'
import type { StunAddress } from '../../wire/stun/index.ts'

/** One socket that answers STUN, and how others know it. */
export interface StunPlace {
  readonly family: Family
  /** What it is bound to: sockets with the same one answer from the same address. */
  readonly host: string
  readonly port: number
  /** The address that others reach it by; undefined where nobody has said, as on the unspecified address. */
  readonly address: string | undefined
}

/** What a socket tells of itself, and by which others an answer can go; those are indices of the same list. */
export interface StunSite {
  readonly origin: StunAddress | undefined
  readonly other: StunAddress | undefined
  readonly changeIp: number | undefined
  readonly changePort: number | undefined
  readonly changeBoth: number | undefined
}

/**
 * Who is whose alternate (RFC 5780 section 3): the next address of the same family, and the other one of its two ports. With a
 * single address there is no OTHER-ADDRESS, but an answer can still come from the other port.
 */
export function stunSites(places: readonly StunPlace[]): StunSite[] {
  return places.map(place => {
    const ofFamily = places.filter(({ family }) => family === place.family)
    const hosts = [...new Set(ofFamily.map(({ host }) => host))]
    const next = hosts[(hosts.indexOf(place.host) + 1) % hosts.length]
    const otherPort = ofFamily.find(({ host, port }) => host === place.host && port !== place.port)?.port
    const indexOf = (host: string | undefined, port: number | undefined) => {
      const index = places.findIndex(each => each.family === place.family && each.host === host && each.port === port)
      // an address that nobody is told of may be one that nobody reaches
      return index < 0 || (host !== place.host && places[index]?.address == null) ? undefined : index
    }
    const alone = next === place.host || place.address == null
    const changeBoth = alone ? undefined : indexOf(next, otherPort)
    return {
      origin: told(place),
      other: changeBoth == null ? undefined : told(places[changeBoth]!),
      changeIp: alone ? undefined : indexOf(next, place.port),
      changePort: indexOf(place.host, otherPort),
      changeBoth
    }
  })
}

/** Over TCP and TLS there is one port, and nothing can be answered from elsewhere: the alternate is the other address. */
export function streamSites(places: readonly StunPlace[]): StunSite[] {
  return stunSites(places).map(({ origin, changeIp }) => ({
    origin,
    other: changeIp == null ? undefined : told(places[changeIp]!),
    changeIp: undefined,
    changePort: undefined,
    changeBoth: undefined
  }))
}

function told({ address, port }: StunPlace): StunAddress | undefined {
  return address == null ? undefined : { address, port }
}
