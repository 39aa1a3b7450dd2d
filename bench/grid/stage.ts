import type { Lab, LabSpec, RouterSpec } from '../../lab/lab.ts'
import { NEIGHBOURS, type Neighbours, PLACE_NAMES, PLACES, type Place } from '../../test/traversal/link/places.ts'
import { Resident, startHub } from '../residents/resident.ts'

/** Starting all at once would take each so long that it misses answers to its examination. */
const AT_ONCE = 3

/** One site for whoever is dialled and one for who dials, in every place. */
interface Sites {
  readonly alice: Resident
  readonly bob: Resident
}

/** All places of the grid in one lab, with programs in all of them. */
export interface Stage {
  readonly places: ReadonlyMap<Place, Sites>
  readonly neighbours: ReadonlyMap<Neighbours, Sites>
}

/** The spec of a lab with those places, and who dials and is dialled where. */
export function gridSpec(places: readonly Place[], neighbours: readonly Neighbours[], delayMs: number): LabSpec {
  const spec: LabSpec = { hub: { addresses: 2 } }
  for (const place of places) {
    for (const peer of ['a', 'b']) Object.assign(spec, site(nameOf(peer, place), PLACES[place], delayMs))
  }
  for (const name of neighbours) {
    for (const [node, its] of Object.entries<RouterSpec | { behind: string }>(NEIGHBOURS[name])) {
      const behind = its.behind == null ? {} : { behind: hostOf(its.behind, name) }
      spec[hostOf(node, name)] = { ...ofLab(its, delayMs), ...behind }
    }
  }
  return spec
}

export async function startStage(
  lab: Lab,
  places: readonly Place[],
  neighbours: readonly Neighbours[],
  signal: AbortSignal
): Promise<Stage> {
  const { hubs } = await startHub(lab, signal)
  const hosts = [
    ...places.flatMap(place => [nameOf('a', place), nameOf('b', place)]),
    ...neighbours.flatMap(name => [hostOf('a', name), hostOf('b', name)])
  ]
  const residents = new Map<string, Resident>()
  for (let from = 0; from < hosts.length; from += AT_ONCE) {
    const some = hosts.slice(from, from + AT_ONCE)
    const started = await Promise.all(some.map(host => Resident.start(lab, host, hubs, signal)))
    some.forEach((host, i) => void residents.set(host, started[i]!))
  }
  const both = (alice: string, bob: string) => ({ alice: residents.get(alice)!, bob: residents.get(bob)! })
  return {
    places: new Map(places.map(place => [place, both(nameOf('a', place), nameOf('b', place))])),
    neighbours: new Map(neighbours.map(name => [name, both(hostOf('a', name), hostOf('b', name))]))
  }
}

/** Interfaces have short names. */
function nameOf(peer: string, place: Place): string {
  return `${peer}${PLACE_NAMES.indexOf(place)}`
}

function hostOf(node: string, name: Neighbours): string {
  return `n${Object.keys(NEIGHBOURS).indexOf(name)}-${node}`
}

function site(peer: string, routers: readonly RouterSpec[], delayMs: number): LabSpec {
  const names = routers.map((_, layer) => `${peer}-${layer}`)
  const nodes = routers.map((router, layer) => {
    const outer = names[layer - 1]
    return [names[layer]!, { ...ofLab(router, delayMs), ...(outer == null ? {} : { behind: outer }) }] as const
  })
  const inner = names.at(-1)
  return { ...Object.fromEntries(nodes), [peer]: inner == null ? { link: { delayMs } } : { behind: inner } }
}

/** A real kernel's NAT wherever it can do what the place asks for. */
function ofLab<T extends object>(node: T & Partial<RouterSpec>, delayMs: number): T {
  const { allocation, ...rest } = node
  const byKernel = allocation === 'random' && node.mapping === 'address-and-port-dependent'
  return { ...(byKernel ? rest : node), ...(node.link == null ? {} : { link: { delayMs } }) } as T
}
