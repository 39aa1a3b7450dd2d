/** UPnP Device Architecture 2.0 section 3.2.2, and WANIPConnection:2 section 2.5. */
export const UPNP_ERRORS = {
  401: 'InvalidAction',
  402: 'InvalidArgs',
  404: 'InvalidVar',
  501: 'ActionFailed',
  600: 'ArgumentValueInvalid',
  601: 'ArgumentValueOutOfRange',
  602: 'OptionalActionNotImplemented',
  603: 'OutOfMemory',
  604: 'HumanInterventionRequired',
  605: 'StringArgumentTooLong',
  606: 'ActionNotAuthorized',
  713: 'SpecifiedArrayIndexInvalid',
  714: 'NoSuchEntryInArray',
  715: 'WildCardNotPermittedInSrcIP',
  716: 'WildCardNotPermittedInExtPort',
  718: 'ConflictInMappingEntry',
  724: 'SamePortValuesRequired',
  725: 'OnlyPermanentLeasesSupported',
  726: 'RemoteHostOnlySupportsWildcard',
  727: 'ExternalPortOnlySupportsWildcard',
  728: 'NoPortMapsAvailable',
  729: 'ConflictWithOtherMechanisms',
  732: 'WildCardNotPermittedInIntPort',
  733: 'InconsistentParameters'
} as const

/** WANIPv6FirewallControl:1 section 2.6: the same numbers mean other things there. */
export const FIREWALL_ERRORS = {
  701: 'PinholeSpaceExhausted',
  702: 'FirewallDisabled',
  703: 'InboundPinholeNotAllowed',
  704: 'NoSuchEntry',
  705: 'ProtocolNotSupported',
  706: 'InternalPortWildcardingNotAllowed',
  707: 'ProtocolWildcardingNotAllowed',
  708: 'WildCardNotPermittedInSrcIP',
  709: 'NoTrafficReceived'
} as const

export type UpnpError =
  | (typeof UPNP_ERRORS)[keyof typeof UPNP_ERRORS]
  | (typeof FIREWALL_ERRORS)[keyof typeof FIREWALL_ERRORS]

/** The name of an error, or undefined where it has none. */
export function upnpError(code: number, service: 'connection' | 'firewall'): UpnpError | undefined {
  const names: Readonly<Record<number, UpnpError>> =
    service === 'firewall' ? { ...UPNP_ERRORS, ...FIREWALL_ERRORS } : UPNP_ERRORS
  return names[code]
}
