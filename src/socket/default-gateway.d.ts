/** The package has no types of its own: this is what its README says of the two functions that we call. */
declare module 'default-gateway' {
  interface DefaultGateway {
    readonly gateway: string
    readonly version: 4 | 6
    /** The name of the interface, where the system tells. */
    readonly int: string | null
  }
  export function gateway4async(): Promise<DefaultGateway>
  export function gateway6async(): Promise<DefaultGateway>
}
