import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ChangeOutcome, classifyFiltering } from '../../src/nat/filtering.ts'

const EI = 'endpoint-independent'
const AD = 'address-dependent'
const APD = 'address-and-port-dependent'

/** Changing address and port; changing the port; which of those addresses answer when asked themselves. */
type Row = [
  ChangeOutcome,
  ChangeOutcome,
  others: 'both' | 'address' | 'port' | 'none',
  string | null,
  string[],
  string | null
]

const ROWS: Row[] = [
  ['answered', 'answered', 'both', EI, [EI], null],
  // the other packet was lost on its way
  ['answered', 'silent', 'both', EI, [EI], null],
  ['answered', 'not-asked', 'none', EI, [EI], null],
  ['silent', 'answered', 'both', AD, [AD], null],
  ['silent', 'silent', 'both', APD, [APD], null],
  ['silent', 'silent', 'port', APD, [APD], null],
  // a server that names addresses which nobody reaches
  ['silent', 'answered', 'port', null, [EI, AD], 'no-change-request'],
  ['silent', 'silent', 'none', null, [EI, AD, APD], 'no-change-request'],
  ['silent', 'silent', 'address', null, [AD, APD], 'no-change-request'],
  ['silent', 'refused', 'both', null, [AD, APD], 'no-change-request'],
  // a server with one address and two ports
  ['refused', 'answered', 'port', null, [EI, AD], 'one-address'],
  ['refused', 'silent', 'port', APD, [APD], null],
  ['refused', 'silent', 'none', null, [EI, AD, APD], 'no-change-request'],
  ['not-asked', 'answered', 'port', null, [EI, AD], 'one-address'],
  // a plain STUN server
  ['refused', 'refused', 'none', null, [EI, AD, APD], 'no-change-request'],
  ['not-asked', 'not-asked', 'none', null, [EI, AD, APD], 'no-change-request']
]

describe('the filter that explains which answers came', () => {
  for (const [changeBoth, changePort, others, filtering, possible, why] of ROWS) {
    test(`other address ${changeBoth}, other port ${changePort}, asked themselves ${others}`, () => {
      const verdict = classifyFiltering({
        plain: true,
        changeBoth,
        changePort,
        otherAddressAnswers: others === 'both' || others === 'address',
        otherPortAnswers: others === 'both' || others === 'port'
      })
      assert.deepEqual(verdict, { filtering, possible, why })
    })
  }

  test('silence means nothing when the plain request got no answer either', () => {
    const silent = {
      changeBoth: 'silent',
      changePort: 'silent',
      otherAddressAnswers: true,
      otherPortAnswers: true
    } as const
    assert.deepEqual(classifyFiltering({ plain: false, ...silent }), {
      filtering: null,
      possible: [],
      why: 'no-server'
    })
  })
})
