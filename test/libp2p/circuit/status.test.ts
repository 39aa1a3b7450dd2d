import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { isDenied, refused } from '../../../src/libp2p/circuit/status.ts'
import type { CircuitStatus } from '../../../src/wire/circuit.ts'

const HUB = peerIdFromString('12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD')
const BOB = peerIdFromString('12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W')

const ROWS: ReadonlyArray<
  readonly [status: CircuitStatus | undefined, reason: string | undefined, code: string, message: RegExp]
> = [
  ['NO_RESERVATION', undefined, 'PEER_OFFLINE', /is not at the hub/],
  ['CONNECTION_FAILED', undefined, 'PEER_OFFLINE', /did not reach it/],
  ['RESERVATION_REFUSED', undefined, 'HUB_REFUSED', /is full and refused a connection/],
  ['RESOURCE_LIMIT_EXCEEDED', 'it is so', 'HUB_REFUSED', /refused a connection to \S+: it is so; try later/],
  ['PERMISSION_DENIED', undefined, 'HUB_REFUSED', /does not allow a connection to 12D3KooWAg\w+$/],
  ['PERMISSION_DENIED', 'no token', 'HUB_REFUSED', /does not allow a connection to \S+: no token$/],
  ['MALFORMED_MESSAGE', undefined, 'HUB_REFUSED', /: MALFORMED_MESSAGE$/],
  [undefined, undefined, 'HUB_REFUSED', /: it gave no reason$/]
]

describe('what a refusal means', () => {
  for (const [status, reason, code, message] of ROWS) {
    it(`${status} ${reason ?? ''}`, () => {
      const error = refused({ status, reason }, HUB, BOB)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.equal(isDenied(error), status === 'PERMISSION_DENIED')
    })
  }

  it('programs find the hub, the status and its words', () => {
    const { details } = refused({ status: 'PERMISSION_DENIED', reason: 'no token' }, HUB)
    assert.deepEqual(details, { hub: HUB.toString(), status: 'PERMISSION_DENIED', reason: 'no token' })
    const absent = refused({ status: 'NO_RESERVATION', reason: undefined }, HUB, BOB)
    assert.deepEqual(absent.details, { hub: HUB.toString(), status: 'NO_RESERVATION' })
  })

  it('a hub moves no cursor, writes no second line and no page', () => {
    const reason = `\x1b[2J\r\nbeeline: \u202eall is well ${'x'.repeat(5_000)}`
    const { message } = refused({ status: 'PERMISSION_DENIED', reason }, HUB)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
    assert.doesNotMatch(message, /[\x00-\x1f\u202e]/)
    assert.ok(message.length < 400, `${message.length} characters`)
  })

  it('words that are blank are none', () => {
    assert.match(refused({ status: 'PERMISSION_DENIED', reason: ' \n\t ' }, HUB).message, /a reservation$/)
  })
})
