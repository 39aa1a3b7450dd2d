/** Who may use a hub: relay by it, be reached by it, leave records and look for peers. */
export interface Access {
  /**
   * Lets a peer in, for as long as it is connected, or says why not: for people, and for the peer itself.
   *
   * @param token what it has shown; undefined: nothing
   * @param source where it comes from (core/ip.ts `sourceOf`): guesses are counted by it
   */
  admit(peer: string, token: string | undefined, source: string): string | undefined
  /** The same for one that has shown what it has to before. */
  refusal(peer: string): string | undefined
  /** Whether a token lets in whoever has it: for requests over HTTP, which name no peer. @returns why not */
  bearer(token: string | undefined, source: string): string | undefined
  /** It is not connected any more. */
  forget(peer: string): void
}

/** Who may use a hub: who has one of the tokens, or is on the list; whoever comes, when neither is given. */
export interface AccessOptions {
  /** Any of them will do: give each peer its own, to be able to take it back. @default none */
  readonly tokens?: readonly string[]
  /** Peer ids. @default none */
  readonly peers?: readonly string[]
}
