import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { openLab } from '../../lab/lab.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
/** SSDP's. */
const GROUP = '239.255.255.250'

/** Joins a group at an address, and answers everybody. */
const member = (address: string) => [
  process.execPath,
  '-e',
  `const socket = require('dgram').createSocket({ type: 'udp4', reuseAddr: true })
   socket.on('message', (bytes, from) => socket.send('here', from.port, from.address))
   socket.bind(1900, () => { socket.addMembership('${GROUP}', '${address}'); console.log('up') })`
]
/** Asks a group, and prints who answers, until as many have as are said. */
const asker = (count: number) => [
  process.execPath,
  '-e',
  `const socket = require('dgram').createSocket('udp4')
   const who = new Set()
   const end = () => { console.log([...who].sort().join()); process.exit() }
   socket.on('message', (bytes, from) => { who.add(from.address); if (who.size === ${count}) end() })
   socket.send('who is there?', 1900, '${GROUP}')
   setTimeout(end, 3000)`
]
const firstLine = (child: ChildProcess) =>
  new Promise<string>(resolve => createInterface({ input: child.stdout! }).once('line', resolve))

describe('programs in a router', () => {
  for (const [engine, skip] of [
    ['kernel', NO_LAB],
    ['sim', NO_SIM_ROUTER]
  ] as const) {
    test(`hear what hosts send to many, and have a /run to write to (engine ${engine})`, { skip }, async () => {
      await using lab = await openLab({
        nat: { mapping: 'endpoint-independent', engine },
        alice: { behind: 'nat' },
        bob: { behind: 'nat' }
      })
      const addresses = [lab.host('nat').lan!.ip, lab.host('bob').ip]
      const spawn = (host: string, address: string) =>
        lab.spawn(host, member(address), { stdio: ['ignore', 'pipe', 'inherit'] })
      await Promise.all([firstLine(spawn('nat', addresses[0]!)), firstLine(spawn('bob', addresses[1]!))])
      assert.equal((await lab.exec('alice', asker(2))).stdout.trim(), addresses.toSorted().join())
      const file = await lab.exec('nat', [
        'sh',
        '-c',
        'mkdir /run/server && echo kept > /run/server/leases && cat /run/server/leases'
      ])
      assert.equal(file.stdout.trim(), 'kept')
    })
  }

  test('open ports in the chain that is theirs, and there only', { skip: NO_LAB }, async () => {
    await using lab = await openLab({
      out: {},
      nat: { mapping: 'address-and-port-dependent' },
      alice: { behind: 'nat' }
    })
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const out = await UdpPeer.open(lab, 'out', PORT)
    // as a port mapping server does it: translated in a table of its own
    const mapped = `table inet port_mapping {
      chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan" udp dport 6000 dnat ip to ${lab.host('alice').ip}:5000
      }
    }`
    const nft = async (input: string) => assert.equal((await lab.exec('nat', ['nft', '-f', '-'], { input })).stderr, '')
    await nft(mapped)
    out.send(lab.host('nat').ip, 6000, 'translated, but not let through')
    await out.seenBy(lab.host('out').ip, PORT)
    await nft('add rule inet lab opened iifname "wan" udp dport 5000 accept\n')
    out.send(lab.host('nat').ip, 6000, 'hello')
    assert.deepEqual(await alice.hears('hello'), { text: 'hello', from: `${lab.host('out').ip}:${PORT}` })
    assert.equal(alice.received.length, 1)
  })
})
