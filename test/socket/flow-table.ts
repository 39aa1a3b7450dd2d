import assert from 'node:assert/strict'
import type { Flow, FlowLimits } from '../../src/socket/flow.ts'
import { FlowTable } from '../../src/socket/flows.ts'
import type { Path, Role } from '../../src/socket/path.ts'
import { handshake, initial } from './packets.ts'

export const LIMITS = { maxFlows: 6, maxUnconfirmed: 3, unconfirmedMs: 8_000, idleMs: 90_000, lingerMs: 1_000 }
export const SOCKET = 1
export const CLIENT_ID = 'c1c1c1c1c1c1c1c1'
export const SERVER_ID = '5e5e5e5e5e5e5e5e'
export const OTHER_ID = '0f0f0f0f0f0f0f0f'

export const udp = (port: number, socket = SOCKET): Path => ({
  kind: 'udp',
  socket,
  remote: { address: '192.0.2.1', port }
})
export const table = (limits: FlowLimits = LIMITS) => new FlowTable<string>(limits)
export const add = (flows: FlowTable<string>, role: Role, port = 1, nowMs = 0) =>
  flows.add(role, udp(port), port, role, nowMs)

/** A link's flow, which began over a pipe and has that address by now. It is addressed by its id. */
export function addLink(flows: FlowTable<string>, role: Role, port = 1): Flow<string> {
  const pipe = 100 + flows.size
  const flow = flows.add(role, { kind: 'pipe', pipe }, undefined, `link ${role}`, 0)
  flows.retain(flow)
  flows.sent(flow, initial({ from: role === 'client' ? CLIENT_ID : SERVER_ID }), 0)
  flows.admit(flow, udp(port), port)
  return flow
}

/** A server flow whose other side has repeated an id that our engine made up. */
export function confirm(flows: FlowTable<string>, flow: Flow<string>, nowMs = 0): void {
  flows.sent(flow, initial({ from: SERVER_ID }), nowMs)
  flows.received(flow, handshake({ to: SERVER_ID }), nowMs)
  assert.equal(flow.confirmed, true)
}

/** The flow that alone has that address. */
export function only(flows: FlowTable<string>, socket: number, key: number) {
  const entries = flows.at(socket, key)
  return entries.length === 1 ? entries[0] : undefined
}
