import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Lab } from '../../lab/lab.ts'
import { type KnownPeer, openPeerRecord } from '../../src/libp2p/peer-record.ts'
import { NO_LAB } from './available.ts'
import { journey } from './journey.ts'

const NAT = { mapping: 'endpoint-independent' } as const

/** Fetches and prints as base64, because a record is no text; nothing, when there is none. */
const FETCH = `const got = await fetch(process.argv[1]); console.log(got.ok ? Buffer.from(await got.arrayBuffer()).toString('base64') : '')`

async function home(t: TestContext) {
  const spec = { hub: { ipv6: true }, natA: NAT, alice: { behind: 'natA', ipv6: true } } as const
  const { lab, hub, up, alice } = await journey(t, spec)
  const { http } = (await hub.program.event(({ event }) => event === 'ready')) as { http?: string }
  await up.event(({ event, ok }) => event === 'registered' && ok === true)
  return { lab, up, record: () => fetched(lab, `${http}/v1/peers/${alice}`, alice) }
}

async function fetched(lab: Lab, url: string, peer: string): Promise<KnownPeer | undefined> {
  const { stdout } = await lab.exec('hub', [process.execPath, '--input-type=module', '-e', FETCH, url])
  const text = stdout.trim()
  return text === '' ? undefined : await openPeerRecord(Buffer.from(text, 'base64'), peerIdFromString(peer))
}

/** Looks again until the hub has such a record. */
async function until(record: () => Promise<KnownPeer | undefined>, fits: (record: KnownPeer) => boolean) {
  let last: KnownPeer | undefined
  for (const endMs = Date.now() + 30_000; Date.now() < endMs; ) {
    last = await record()
    if (last != null && fits(last)) return last
  }
  throw new assert.AssertionError({ message: `the last one: ${JSON.stringify(last)}` })
}

describe('the record of a peer that is up', { skip: NO_LAB }, () => {
  it('says where it is, from the first moment to the last, wherever it moves', async t => {
    const { lab, up, record } = await home(t)
    const first = await until(record, () => true)
    assert.ok(first.addresses.length > 0)
    const isHere = ({ ip }: { readonly ip: string }, { addresses }: KnownPeer) =>
      addresses.some(each => each.toString().startsWith(`/ip4/${ip}/`))
    // behind a NAT only the hub can be dialled
    assert.ok(
      first.addresses.every(each => each.toString().endsWith('/p2p-circuit') || each.toString().includes('/ip6/'))
    )
    const known = await until(record, ({ summary }) => summary != null)
    assert.ok(known.seq >= first.seq)
    assert.equal(known.summary?.udp4.mapping, 'endpoint-independent')

    await lab.move('alice', undefined)
    const moved = await until(record, each => isHere(lab.host('alice'), each))
    assert.ok(moved.seq > known.seq)
    assert.ok(isHere(lab.host('hub'), moved))

    await up.interrupt()
    assert.equal(await record(), undefined)
  })
})
