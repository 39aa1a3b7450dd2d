/**
 * What a NAT does, in the words of RFC 4787. sim/, lab/ and nat/ use the same ones, so that what a network was built to be and
 * what it was found to be can be compared.
 */

/**
 * Whom a rule of the NAT depends on: nobody (`endpoint-independent`), the remote address, or the remote address and port. Of a
 * mapping: who sees the same public port (section 4.1). Of a filter: who may send through it (section 5).
 */
export const DEPENDENCES = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const
export type Dependence = (typeof DEPENDENCES)[number]

export type MappingBehaviour = Dependence
export type FilteringBehaviour = Dependence

/** How a NAT chooses a public port (section 4.2.1): the private one where it is free, the next one, or any. */
export const PORT_ALLOCATIONS = ['preserving', 'sequential', 'random'] as const
export type PortAllocation = (typeof PORT_ALLOCATIONS)[number]
