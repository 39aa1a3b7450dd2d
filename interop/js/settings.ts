export interface Settings {
  readonly role: 'relay' | 'listener' | 'dialer'
  readonly transport: 'tcp' | 'quic-v1'
  /** The relay listens on it; peers listen on all of the host's addresses. */
  readonly ip: string
  readonly redis: { readonly host: string; readonly port: number }
  /** Prefix of all keys of this test. */
  readonly key: string
  readonly debug: boolean
}

/** @throws Error that names the variable */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const { TRANSPORT: transport, TEST_KEY: key, REDIS_ADDR: redis = '', SECURE_CHANNEL: secure, MUXER: muxer } = env
  if (transport !== 'tcp' && transport !== 'quic-v1')
    throw new Error(`TRANSPORT=${transport} is neither tcp nor quic-v1`)
  if (transport === 'tcp' && (secure !== 'noise' || muxer !== 'yamux')) {
    throw new Error(`this peer has noise and yamux over TCP, not SECURE_CHANNEL=${secure} MUXER=${muxer}`)
  }
  const colon = redis.lastIndexOf(':')
  const port = Number(redis.slice(colon + 1))
  if (key === undefined || colon < 1 || !(port > 0)) throw new Error('TEST_KEY and REDIS_ADDR=host:port must be set')
  const role = env['IS_RELAY'] === 'true' ? 'relay' : env['IS_DIALER'] === 'true' ? 'dialer' : 'listener'
  return {
    role,
    transport,
    ip: (role === 'relay' ? env['RELAY_IP'] : undefined) ?? '0.0.0.0',
    redis: { host: redis.slice(0, colon), port },
    key,
    debug: env['DEBUG'] === 'true'
  }
}
