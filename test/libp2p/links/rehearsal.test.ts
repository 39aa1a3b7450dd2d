import assert from 'node:assert/strict'
import test from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { rehearse } from '../../../src/libp2p/links/rehearsal.ts'

for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
  test(`both sides of a link are played to the end, with an identity of ${type}`, async () => {
    const key = type === 'RSA' ? await generateKeyPair(type, 2048) : await generateKeyPair(type as 'Ed25519')
    // what ends half-way has not run what comes behind it
    assert.equal(await rehearse(key, peerIdFromPrivateKey(key)), 'direct')
  })
}
