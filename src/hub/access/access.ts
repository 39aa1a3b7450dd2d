/** Who may use a hub: relay by it, be reached by it, leave records and look for peers. */
export interface Access {
  /**
   * Lets a peer in, for as long as it is connected, or says why not: for people, and for the peer itself.
   *
   * @param token what it has shown; undefined: nothing
   */
  admit(peer: string, token: string | undefined): string | undefined
  /** The same for one that has shown what it has to before. */
  refusal(peer: string): string | undefined
  /** Whether a token lets in whoever has it: for requests over HTTP, which name no peer. @returns why not */
  bearer(token: string | undefined): string | undefined
  /** It is not connected any more. */
  forget(peer: string): void
}
