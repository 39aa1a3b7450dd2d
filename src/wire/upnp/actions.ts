/** What is called of the services that map ports: the arguments in their order, which routers count on, and their types. */
export type ArgumentType = 'string' | 'boolean' | 'ui2' | 'ui4'

interface Signature {
  readonly in: Readonly<Record<string, ArgumentType>>
  readonly out: Readonly<Record<string, ArgumentType>>
}

const MAPPING = { NewRemoteHost: 'string', NewExternalPort: 'ui2', NewProtocol: 'string' } as const
const TARGET = {
  NewInternalPort: 'ui2',
  NewInternalClient: 'string',
  NewEnabled: 'boolean',
  NewPortMappingDescription: 'string',
  NewLeaseDuration: 'ui4'
} as const

export const ACTIONS = {
  // WANIPConnection and WANPPPConnection
  GetStatusInfo: {
    in: {},
    out: { NewConnectionStatus: 'string', NewLastConnectionError: 'string', NewUptime: 'ui4' }
  },
  GetExternalIPAddress: { in: {}, out: { NewExternalIPAddress: 'string' } },
  AddPortMapping: { in: { ...MAPPING, ...TARGET }, out: {} },
  GetSpecificPortMappingEntry: { in: MAPPING, out: TARGET },
  DeletePortMapping: { in: MAPPING, out: {} },
  /** Version 2: on another port where that one is taken. */
  AddAnyPortMapping: { in: { ...MAPPING, ...TARGET }, out: { NewReservedPort: 'ui2' } },
  // WANIPv6FirewallControl
  GetFirewallStatus: { in: {}, out: { FirewallEnabled: 'boolean', InboundPinholeAllowed: 'boolean' } },
  AddPinhole: {
    in: {
      RemoteHost: 'string',
      RemotePort: 'ui2',
      InternalClient: 'string',
      InternalPort: 'ui2',
      Protocol: 'ui2',
      LeaseTime: 'ui4'
    },
    out: { UniqueID: 'ui2' }
  },
  UpdatePinhole: { in: { UniqueID: 'ui2', NewLeaseTime: 'ui4' }, out: {} },
  DeletePinhole: { in: { UniqueID: 'ui2' }, out: {} }
} as const satisfies Record<string, Signature>

export type ActionName = keyof typeof ACTIONS

interface Types {
  string: string
  boolean: boolean
  ui2: number
  ui4: number
}

type Values<S extends Readonly<Record<string, ArgumentType>>> = { readonly [K in keyof S]: Types[S[K]] }

export type ActionInput<A extends ActionName> = Values<(typeof ACTIONS)[A]['in']>
export type ActionOutput<A extends ActionName> = Values<(typeof ACTIONS)[A]['out']>

export function isAction(name: string): name is ActionName {
  return Object.hasOwn(ACTIONS, name)
}
