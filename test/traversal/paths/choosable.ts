import type { ChoosablePath } from '../../../src/traversal/paths/choose.ts'

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
