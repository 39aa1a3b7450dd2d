export { type Mapped, type MappedPort, PortMapper, type PortMapperEvents, type PortMapperOptions } from './mapper.ts'
export type { MappingProtocol, Wanted } from './mapping.ts'
export { type PortMappingProbe, type ProtocolProbe, probePortMapping } from './probe.ts'
export { MAPPING_REASONS, type MappingReason } from './reason.ts'
