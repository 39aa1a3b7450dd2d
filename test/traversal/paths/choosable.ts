import type { ChoosablePath } from '../../../src/traversal/paths/choose.ts'
import { type Known, newKnown } from '../../../src/traversal/paths/known.ts'

export const NOW = 1_000_000

const usual: Omit<ChoosablePath, 'id'> = {
  kind: 'direct',
  transport: 'udp',
  scope: 'wan',
  family: 4,
  validated: true,
  trustedUntilMs: NOW + 1,
  rttMs: 40,
  rttSamples: 10,
  validatedAtMs: 0,
  lapses: 0
}
export const path = (id: string, of: Partial<ChoosablePath> = {}): ChoosablePath => ({ ...usual, ...of, id })
export const relay = (id: string, of: Partial<ChoosablePath> = {}) =>
  path(id, { kind: 'relay', transport: 'relay', ...of })
export const tcp = (id: string, of: Partial<ChoosablePath> = {}) => path(id, { transport: 'tcp', ...of })
export const lan = (id: string, of: Partial<ChoosablePath> = {}) => path(id, { scope: 'lan', ...of })
export const v6 = (id: string, of: Partial<ChoosablePath> = {}) => path(id, { family: 6, ...of })

/** A path as the agent has it, by UDP through a NAT. */
export const knownPath = (of: Partial<Known> = {}): Known => {
  const remote = { address: '11.2.0.10', port: 4001 }
  const { kind, transport, scope, family } = usual
  const facts = { key: 'udp', path: { kind: 'udp', socket: 1, remote }, host: remote.address, plain: false } as const
  const found = { technique: 'punch-quic', announced: true } as const
  return { ...newKnown({ ...facts, ...found, kind, transport, scope, family }, NOW, 'mine'), ...of }
}
