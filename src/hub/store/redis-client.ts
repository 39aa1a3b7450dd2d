import { createClient, createCluster, RESP_TYPES } from '@redis/client'
import type { RedisAddress, RedisNode } from './redis-address.ts'
import type { Revivable } from './revived.ts'

/** What is asked of a server or of a cluster. */
export interface RedisCommands extends Revivable {
  /** @param key what says which node of a cluster it goes to */
  send(key: string | undefined, args: readonly (string | Buffer)[]): Promise<unknown>
}

/** A connection for messages: they come in bursts, and answers must not wait behind them. */
export interface RedisMessages extends Revivable {
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channel: string): Promise<void>
}

/** An idle connection is asked for a sign of life, and given up without. */
const PING_MS = 1_500
const SILENCE_MS = 4_000

const COMMAND_OPTIONS = {
  // the library's own would be a timer object for each command; deadlines are those of revived.ts
  timeout: 0,
  typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer }
}

/** It connects once, and ends with the first error: who uses it makes a new one (revived.ts), so nothing waits in its queues. */
function settings({ tls, username, password }: RedisAddress) {
  return {
    ...(username == null ? {} : { username }),
    ...(password == null ? {} : { password }),
    disableOfflineQueue: true,
    pingInterval: PING_MS,
    maintNotifications: 'disabled' as const,
    socket: {
      connectTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: false as const,
      ...(tls ? { tls: true as const } : {})
    }
  }
}

function serverClient(address: RedisAddress, node: RedisNode) {
  const { socket, ...rest } = settings(address)
  return createClient({
    ...rest,
    socket: { ...socket, ...node },
    database: address.database,
    commandOptions: COMMAND_OPTIONS
  })
}

export function redisCommands(address: RedisAddress): RedisCommands {
  return address.kind === 'cluster' ? clusterCommands(address) : serverCommands(address)
}

function serverCommands(address: RedisAddress): RedisCommands {
  const client = serverClient(address, address.nodes[0]!)
  return {
    connect: () => client.connect(),
    onBroken: listener => client.on('error', listener),
    destroy: () => client.destroy(),
    send: (_key, args) => client.sendCommand(args)
  }
}

function clusterCommands(address: RedisAddress): RedisCommands {
  const { socket, ...rest } = settings(address)
  const cluster = createCluster({
    rootNodes: address.nodes.map(node => ({ socket: { ...socket, ...node } })),
    defaults: { ...rest, socket },
    // a node that hangs keeps only those waiting whose records it has
    minimizeConnections: true,
    commandOptions: COMMAND_OPTIONS
  })
  // which of the nodes it could not ask is no matter while another answers
  cluster.on('error', () => {})
  return {
    connect: () => cluster.connect(),
    onBroken: listener => cluster.on('node-error', listener),
    destroy: () => cluster.destroy(),
    send: (key, args) => cluster.sendCommand(key, false, [...args])
  }
}

/** @param attempt which of a cluster's nodes is taken: all of them pass all messages on */
export function redisMessages(
  address: RedisAddress,
  attempt: number,
  onMessage: (channel: string, message: Buffer) => void
): RedisMessages {
  const client = serverClient(address, address.nodes[attempt % address.nodes.length]!)
  const listener = (message: Buffer, channel: Buffer) => onMessage(channel.toString(), message)
  return {
    connect: () => client.connect(),
    onBroken: broken => client.on('error', broken),
    destroy: () => client.destroy(),
    subscribe: channels => client.subscribe([...channels], listener, true),
    unsubscribe: channel => client.unsubscribe(channel, listener, true)
  }
}
