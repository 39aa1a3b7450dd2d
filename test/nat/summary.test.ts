import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import { summaryOf } from '../../src/nat/summary.ts'
import { summaryCodec } from '../../src/wire/summary.ts'
import {
  EASY,
  HARD,
  MAPPED,
  NATIVE6,
  NETWORKS,
  NO_HUB,
  NO_MAPPING,
  report,
  SILENT,
  UNTRANSLATED
} from '../traversal/reports.ts'
import { BLOCKED, summary } from '../traversal/summaries.ts'

describe('what of a report a peer is told', () => {
  it('of a home network', () => {
    assert.deepEqual(summaryOf(report()), summary({ publicAddresses: ['11.2.0.10'] }))
  })

  for (const [name, network] of Object.entries({ ...NETWORKS, NO_HUB })) {
    it(`it goes over the wire: ${name}`, () => {
      const told = summaryOf(network)
      assert.deepEqual(summaryCodec.decode(summaryCodec.encode(told)), told)
    })
  }

  const POSSIBLE = [
    { possible: ['endpoint-independent', 'address-dependent'], allocation: 'random', told: 'endpoint-independent' },
    { possible: DEPENDENCES, allocation: 'preserving', told: 'endpoint-independent' },
    { possible: DEPENDENCES, allocation: 'random', told: null },
    {
      possible: ['address-dependent', 'address-and-port-dependent'],
      allocation: 'preserving',
      told: 'address-and-port-dependent'
    }
  ] as const
  for (const { possible, allocation, told } of POSSIBLE) {
    it(`by a hub with one address: ${possible.join(' or ')}, ${allocation} ports, counts as ${told}`, () => {
      const known = report()
      const udp4 = { ...known.udp4, mapping: null, mappingPossible: possible, portAllocation: allocation }
      assert.equal(summaryOf({ ...known, udp4 }).udp4.mapping, told)
    })
  }

  it('UDP that is blocked is told apart from a family that nobody could be asked about', () => {
    const blocked = summaryOf(NETWORKS['udp-blocked'])
    assert.deepEqual([blocked.udp4.ok, blocked.tcp4.ok], [false, true])
    const notAsked = { ...BLOCKED, ok: true }
    assert.deepEqual([summaryOf(NO_HUB).udp4, summaryOf(NO_HUB).tcp4], [notAsked, notAsked])
  })

  it('IPv6: there, not there, and nobody to ask', () => {
    const kinds = ['native', 'none', 'unknown'] as const
    const summaries = kinds.map(kind => {
      const udp6 = kind === 'native' ? NATIVE6 : SILENT
      return summaryOf(report({ udp6, ipv6: { kind, nat64: null } })).udp6
    })
    assert.deepEqual(
      summaries.map(({ ok, translated }) => [ok, translated]),
      [
        [true, false],
        [false, null],
        [true, null]
      ]
    )
  })

  it('a mapping that varies, nobody knows how much, varies', () => {
    const of = (...mappingPossible: (typeof EASY)['mappingPossible']) =>
      summaryOf(report({ udp4: { ...EASY, mapping: null, mappingPossible } })).udp4.mapping
    assert.equal(of('address-dependent', 'address-and-port-dependent'), 'address-and-port-dependent')
    assert.equal(of(), null)
  })

  it('steps that are as good as random are not told', () => {
    const of = (portStep: number) =>
      summaryOf(report({ udp4: { ...HARD, portAllocation: 'sequential', portStep } })).udp4.step
    assert.deepEqual([-17, -16, 2, 16, 17].map(of), [null, -16, 2, 16, null])
  })

  it('a port that is mapped behind another NAT is not mapped', () => {
    const of = (external: string | null) => {
      const portMapping = { pcp: { ...MAPPED, external }, natPmp: NO_MAPPING, upnp: NO_MAPPING }
      return summaryOf(report({ portMapping })).mapped
    }
    assert.deepEqual(['11.2.0.10', '100.64.3.1', '192.168.1.2', null].map(of), [true, false, false, false])
    assert.equal(summaryOf(report({ portMapping: { pcp: NO_MAPPING, natPmp: MAPPED, upnp: NO_MAPPING } })).mapped, true)
  })

  it('public addresses: of all transports, once each, four at most, no private one', () => {
    const at = (...publicAddresses: string[]) => ({ ...UNTRANSLATED, publicAddresses })
    const { publicAddresses } = summaryOf(
      report({
        udp4: at('11.2.0.10', '192.168.1.1', '11.2.0.11'),
        tcp4: at('11.2.0.11', '100.64.0.9', '11.2.0.12'),
        udp6: at('2001:4860:0:0::1', '2001:4860::1', 'nonsense'),
        tcp6: at('2001:4860::2')
      })
    )
    assert.deepEqual(publicAddresses, ['11.2.0.10', '11.2.0.11', '2001:4860::1', '11.2.0.12'])
  })

  it('of many ways out so many are told', () => {
    assert.deepEqual(
      [0, 2, 40].map(uplinks => summaryOf(report({ uplinks })).uplinks),
      [0, 2, 16]
    )
  })
})
