import type { StoreNews } from './store.ts'

/** What a store tells its listeners. */
export type StoreEvents = {
  readonly news: StoreNews
  readonly call: { readonly peer: string; readonly envelope: Uint8Array }
}
