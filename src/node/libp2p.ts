import { noise } from '@chainsafe/libp2p-noise'
import { identifyPush } from '@libp2p/identify'
import type { PrivateKey } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { webSockets } from '@libp2p/websockets'
import { createLibp2p } from 'libp2p'
import type { AllowPrivate } from '../core/ip.ts'
import { autonat } from '../libp2p/autonat/index.ts'
import { type CircuitOptions, circuitRelay } from '../libp2p/circuit/index.ts'
import { dcutr } from '../libp2p/dcutr/index.ts'
import { identify } from '../libp2p/identify.ts'
import type { Links } from '../libp2p/links/links.ts'
import { liveness } from '../libp2p/liveness.ts'
import type { MappedPorts } from '../libp2p/mapped/ports.ts'
import type { LocalDiscovery } from '../libp2p/mdns/discovery.ts'
import { quic } from '../libp2p/quic/index.ts'
import { tcp } from '../libp2p/tcp/index.ts'
import { yamux } from '../libp2p/yamux.ts'
import type { TechniqueName } from '../traversal/attempt.ts'

/** TCP listens on a port of its own: the one that is punched cannot be listened on. */
const LISTEN = ['/ip4/0.0.0.0/udp/0/quic-v1', '/ip6/::/udp/0/quic-v1', '/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0']

export interface NodeLibp2pParts {
  /** A new one, when undefined. */
  readonly key: PrivateKey | undefined
  readonly circuits: CircuitOptions
  readonly links: Links
  readonly hubIds: ReadonlySet<string>
  readonly allowPrivate: AllowPrivate
  /** Everything, when undefined. */
  readonly techniques: readonly TechniqueName[] | undefined
  readonly ports: MappedPorts
  readonly portMapping: boolean
  readonly lan: LocalDiscovery | undefined
}

/** The libp2p inside a node, started, and what of it libp2p shows to nobody. */
export async function createNodeLibp2p(parts: NodeLibp2pParts) {
  const { key, circuits, links, hubIds, allowPrivate, techniques, ports, portMapping, lan } = parts
  const libp2p = await createLibp2p({
    ...(key == null ? {} : { privateKey: key }),
    addresses: { listen: LISTEN },
    transportManager: { faultTolerance: 1 },
    transports: [quic(), tcp(), webSockets(), circuitRelay(circuits)],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // relayed connections all come from the hub's address
    connectionManager: { inboundConnectionThreshold: 100 },
    connectionGater: { denyDialMultiaddr: () => false },
    // a link sees to it itself whether the other side lives
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      dcutr: dcutr({ allowPrivate, ...(techniques == null ? {} : { techniques }) }),
      links: links.service,
      liveness: liveness({ hubs: hubIds, spares: connection => links.of(connection) != null }),
      autonat: autonat({ servers: hubIds, allowPrivate, mapped: ports }),
      ...(portMapping ? { ports: ports.service } : {}),
      ...(lan == null ? {} : { lan: lan.service })
    }
  })
  const { transportManager, privateKey } = (libp2p as unknown as Internals).components
  return { libp2p, transportManager, privateKey }
}

/** Not in libp2p's public interface: the only way to listen on one more address, or to dial without its queue, and the key that it has made. */
interface Internals {
  readonly components: { readonly transportManager: TransportManager; readonly privateKey: PrivateKey }
}
