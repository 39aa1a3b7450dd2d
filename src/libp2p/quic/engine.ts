import { createRequire } from 'node:module'
import { NatError } from '../../core/errors.ts'

/** The engine's native binding, as far as we use it (quinn behind napi; the package itself exports no types of it). */
export interface Engine {
  readonly QuinnConfig: new (config: EngineConfig) => object
  /** Binds a socket of its own; family 0 is IPv4. */
  readonly Client: new (
    config: object,
    family: 0 | 1
  ) => EngineClient
  readonly Server: new (config: object, address: string, port: number) => EngineServer
}

/** All times in milliseconds, all sizes in bytes. */
export interface EngineConfig {
  readonly privateKeyProto: Uint8Array
  readonly handshakeTimeout: number
  readonly maxIdleTimeout: number
  readonly keepAliveInterval: number
  readonly maxConcurrentStreamLimit: number
  readonly maxStreamData: number
  readonly maxConnectionData: number
  readonly receiveBufferSize: number
  readonly sendBufferSize: number
}

export interface EngineClient {
  outboundConnection(address: string, port: number): Promise<EngineConnection>
  abort(): void
}

export interface EngineServer {
  port(): number
  inboundConnection(): Promise<EngineConnection>
  abort(): Promise<void>
}

export interface EngineConnection {
  inboundStream(): Promise<EngineStream>
  outboundStream(): Promise<EngineStream>
  abort(): void
  id(): string
  /** Its address is that of the switch's loopback socket; the peer id is proved by TLS. */
  remoteMultiaddr(): string
  closed(): Promise<void>
}

export interface EngineStream {
  id(): string
  read(maxBytes: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  resetWrite(): Promise<void>
  stopRead(): Promise<void>
}

const PACKAGE = '@chainsafe/libp2p-quic'
/** The names of the platform packages: a Linux machine has one of two C libraries, and npm installs the one that fits. */
const BUILDS: Record<string, readonly string[]> = {
  'linux-x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux-arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin-x64': ['darwin-x64'],
  'darwin-arm64': ['darwin-arm64'],
  'win32-x64': ['win32-x64-msvc']
}

/**
 * Loads the QUIC engine.
 *
 * @throws NatError NO_ENGINE when there is no build for this platform, or npm did not install it
 */
export function loadEngine(): Engine {
  const platform = `${process.platform}-${process.arch}`
  // resolved as the package itself would, wherever the installer has put its optional dependencies
  const require = createRequire(import.meta.resolve(PACKAGE))
  const errors: unknown[] = []
  for (const build of BUILDS[platform] ?? []) {
    try {
      return require(`${PACKAGE}-${build}`) as Engine
    } catch (error) {
      errors.push(error)
    }
  }
  throw new NatError(
    'NO_ENGINE',
    `the QUIC engine has no build for ${platform}, or it is not installed: run npm install without --omit=optional`,
    { cause: new AggregateError(errors) }
  )
}
