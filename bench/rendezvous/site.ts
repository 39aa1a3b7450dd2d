import { HttpClient } from './http.ts'
import type { Way } from './hub.ts'
import { HubProcess } from './hub-process.ts'
import { LightClient } from './light-client.ts'
import type { Signer } from './records.ts'
import { type Store, type StoreName, startStore } from './stores.ts'

/** Connections are made this many at once: a hub takes ten that have not been secured yet. */
const CONNECTING = 8

/** Hubs that share a store, and who asks them. */
export class Site implements AsyncDisposable {
  readonly store: Store
  readonly hubs: readonly HubProcess[]
  readonly http: readonly HttpClient[]
  readonly clients: Readonly<Record<Way, LightClient[]>> = { tcp: [], quic: [] }

  private constructor(store: Store, hubs: readonly HubProcess[]) {
    this.store = store
    this.hubs = hubs
    this.http = hubs.map(({ origin }) => new HttpClient(origin))
  }

  static async start(name: StoreName, hubs = 1): Promise<Site> {
    const store = await startStore(name)
    const started: HubProcess[] = []
    try {
      while (started.length < hubs) started.push(await HubProcess.start(store.url))
      return new Site(store, started)
    } catch (error) {
      for (const hub of started) await hub.stop()
      await store.stop()
      throw error
    }
  }

  /** One of them at each hub in turn. */
  async connect(signers: readonly Signer[], way: Way): Promise<void> {
    const clients = this.clients[way]
    for (let from = 0; from < signers.length; from += CONNECTING) {
      const some = signers.slice(from, from + CONNECTING)
      const { length } = clients
      const dial = (signer: Signer, i: number) =>
        LightClient.connect(signer, this.hubs[(length + i) % this.hubs.length]!.addresses[way])
      clients.push(...(await Promise.all(some.map(dial))))
    }
  }

  /** Of all hubs together, and of the store's server. */
  async cpuSeconds(): Promise<{ readonly hubs: number; readonly store: number }> {
    const hubs = await Promise.all(this.hubs.map(hub => hub.cpuSeconds()))
    return { hubs: hubs.reduce((sum, each) => sum + each), store: await this.store.cpuSeconds() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // the hubs first: nobody has to say goodbye
    for (const hub of this.hubs) await hub.stop()
    await this.store.stop()
    await Promise.all([...this.clients.tcp, ...this.clients.quic].map(client => client.stop()))
    await Promise.all(this.http.map(http => http.close()))
  }
}
