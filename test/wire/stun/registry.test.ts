import assert from 'node:assert/strict'
import test from 'node:test'
import { ATTRIBUTES, ERROR_REASONS, METHODS, PASSWORD_ALGORITHMS } from '../../../src/wire/stun/registry.ts'

/** The tables of https://www.iana.org/assignments/stun-parameters, without what is reserved or belongs to one vendor. */
const IANA_METHODS = `
0x001 Binding
0x003 Allocate
0x004 Refresh
0x006 Send
0x007 Data
0x008 CreatePermission
0x009 ChannelBind
0x00A Connect
0x00B ConnectionBind
0x00C ConnectionAttempt`

const IANA_ATTRIBUTES = `
0x0001 MAPPED-ADDRESS
0x0003 CHANGE-REQUEST
0x0006 USERNAME
0x0008 MESSAGE-INTEGRITY
0x0009 ERROR-CODE
0x000A UNKNOWN-ATTRIBUTES
0x000C CHANNEL-NUMBER
0x000D LIFETIME
0x0012 XOR-PEER-ADDRESS
0x0013 DATA
0x0014 REALM
0x0015 NONCE
0x0016 XOR-RELAYED-ADDRESS
0x0017 REQUESTED-ADDRESS-FAMILY
0x0018 EVEN-PORT
0x0019 REQUESTED-TRANSPORT
0x001A DONT-FRAGMENT
0x001B ACCESS-TOKEN
0x001C MESSAGE-INTEGRITY-SHA256
0x001D PASSWORD-ALGORITHM
0x001E USERHASH
0x0020 XOR-MAPPED-ADDRESS
0x0022 RESERVATION-TOKEN
0x0024 PRIORITY
0x0025 USE-CANDIDATE
0x0026 PADDING
0x0027 RESPONSE-PORT
0x002A CONNECTION-ID
0x8000 ADDITIONAL-ADDRESS-FAMILY
0x8001 ADDRESS-ERROR-CODE
0x8002 PASSWORD-ALGORITHMS
0x8003 ALTERNATE-DOMAIN
0x8004 ICMP
0x8022 SOFTWARE
0x8023 ALTERNATE-SERVER
0x8025 TRANSACTION_TRANSMIT_COUNTER
0x8027 CACHE-TIMEOUT
0x8028 FINGERPRINT
0x8029 ICE-CONTROLLED
0x802A ICE-CONTROLLING
0x802B RESPONSE-ORIGIN
0x802C OTHER-ADDRESS
0x802D ECN-CHECK STUN
0x802E THIRD-PARTY-AUTHORIZATION
0x8030 MOBILITY-TICKET`

const IANA_ERRORS = `
300 Try Alternate
400 Bad Request
401 Unauthenticated
403 Forbidden
405 Mobility Forbidden
420 Unknown Attribute
437 Allocation Mismatch
438 Stale Nonce
440 Address Family not Supported
441 Wrong Credentials
442 Unsupported Transport Protocol
443 Peer Address Family Mismatch
446 Connection Already Exists
447 Connection Timeout or Failure
486 Allocation Quota Reached
487 Role Conflict
500 Server Error
508 Insufficient Capacity`

const IANA_PASSWORD_ALGORITHMS = `
0x0001 MD5
0x0002 SHA-256`

/** Of other RFCs (6062, 6679, 7635, 7982, 8016): TURN over TCP, third-party authorization, mobility, counters. */
const NOT_OURS: ReadonlySet<string> = new Set([
  'Connect',
  'ConnectionBind',
  'ConnectionAttempt',
  'ACCESS-TOKEN',
  'CONNECTION-ID',
  'TRANSACTION_TRANSMIT_COUNTER',
  'ECN-CHECK STUN',
  'THIRD-PARTY-AUTHORIZATION',
  'MOBILITY-TICKET',
  'Mobility Forbidden',
  'Connection Already Exists',
  'Connection Timeout or Failure'
])

function rows(table: string): [number, string][] {
  return table
    .trim()
    .split('\n')
    .map(line => [Number(line.split(' ', 1)[0]), line.slice(line.indexOf(' ') + 1)] as [number, string])
    .filter(([, name]) => !NOT_OURS.has(name))
}

const plain = (name: string) => name.toLowerCase().replaceAll('-', '')
const sorted = (all: Iterable<[number, string]>) => [...all].sort(([a], [b]) => a - b)
const entries = (all: Readonly<Record<string, number>>) =>
  Object.entries(all).map(([a, b]) => [b, a] as [number, string])

test('attributes are those of the registry', () => assert.deepEqual(sorted(entries(ATTRIBUTES)), rows(IANA_ATTRIBUTES)))

test('methods are those of the registry', () => {
  const ours = sorted(entries(METHODS)).map(([code, name]) => [code, plain(name)])
  assert.deepEqual(
    ours,
    rows(IANA_METHODS).map(([code, name]) => [code, plain(name)])
  )
})

test('error codes and their reasons are those of the registry', () => {
  const ours = Object.entries(ERROR_REASONS).map(([code, reason]) => [Number(code), reason] as [number, string])
  assert.deepEqual(sorted(ours), rows(IANA_ERRORS))
})

test('password algorithms are those of the registry', () => {
  const ours = sorted(entries(PASSWORD_ALGORITHMS)).map(([code, name]) => [code, plain(name)])
  assert.deepEqual(
    ours,
    rows(IANA_PASSWORD_ALGORITHMS).map(([code, name]) => [code, plain(name)])
  )
})
