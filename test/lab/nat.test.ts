import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mapping } from '../../lab/lab.ts'
import { openLab, preset } from '../../lab/lab.ts'
import { NO_LAB } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
/** How long to wait for what must not come: everything that does come takes a few milliseconds. */
const SILENCE_MS = 250

/** Connects a TCP socket and prints how that went. */
const tcp = (ip: string, timeoutMs = 600) => [
  process.execPath,
  '-e',
  `const socket = require('net').connect({ host: '${ip}', port: ${PORT}, timeout: ${timeoutMs} })
   for (const event of ['connect', 'timeout', 'error']) socket.on(event, error => { console.log(error?.code ?? event); process.exit() })`
]
const tcpServer = [
  process.execPath,
  '-e',
  `require('net').createServer(s => s.end()).listen(${PORT}, () => console.log('up'))`
]

describe('NATs', { skip: NO_LAB, concurrency: 3 }, () => {
  for (const mapping of ['endpoint-independent', 'address-and-port-dependent', 'none'] satisfies Mapping[]) {
    test(`${mapping}: mapping as two public hosts see it, and filtering`, async () => {
      await using lab = await openLab({
        one: { addresses: 2 },
        two: {},
        router: { mapping },
        inside: { behind: 'router' }
      })
      const [one, two] = [lab.host('one'), lab.host('two')]
      const sockets = [
        ['one', PORT, one.ip],
        ['one', PORT + 1, one.ip],
        ['one', PORT, one.ips[1]!],
        ['two', PORT, two.ip]
      ] as const
      const peers = await Promise.all(sockets.map(([host, port, ip]) => UdpPeer.open(lab, host, port, ip)))
      const inside = await UdpPeer.open(lab, 'inside', 5000)
      // two addresses, two ports of one of them, and a second host
      const seen: (string | undefined)[] = []
      for (const [, port, ip] of sockets) seen.push(await inside.seenBy(ip, port))
      const publicIp = lab.host('inside').publicIp
      assert.equal(publicIp, mapping === 'none' ? lab.host('inside').ip : lab.host('router').ip)
      if (mapping === 'address-and-port-dependent') {
        assert.equal(new Set(seen).size, seen.length, 'a mapping for each destination')
        assert.ok(seen.every(endpoint => endpoint?.startsWith(`${publicIp}:`)))
        assert.notEqual(seen[0], `${publicIp}:5000`)
      } else {
        assert.deepEqual(seen, Array(4).fill(`${publicIp}:5000`))
      }
      assert.equal(await inside.seenBy(one.ip, PORT), seen[0], 'a mapping stays')

      // filtering: who was sent to may answer, from that port only
      const port = Number(seen[0]!.split(':')[1])
      peers[0]!.send(publicIp, port, 'from the same address and port')
      assert.ok(await inside.hears('from the same address and port'))
      const other = await UdpPeer.open(lab, 'two', PORT + 1)
      other.send(publicIp, port, 'from another port')
      assert.equal(await inside.hears('from another port', SILENCE_MS), undefined)
    })

    test(`${mapping}: unsolicited packets vanish without an answer`, async () => {
      await using lab = await openLab({
        out: { ipv6: true },
        router: { mapping },
        inside: { behind: 'router', ipv6: true }
      })
      const { publicIp, ip6 } = lab.host('inside')
      const addresses = new Set([publicIp, lab.host('router').ip, ip6!, lab.host('router').ip6!])
      const results = await Promise.all([
        ...[...addresses].map(ip => lab.exec('out', tcp(ip))),
        ...[...addresses].map(ip => lab.exec('out', connectedUdp(ip)))
      ])
      // refused would be a reset or an ICMP error; neither comes, of both protocols and both families
      assert.deepEqual(new Set(results.map(({ stdout }) => stdout.trim())), new Set(['timeout']))
    })
  }

  test('IPv6 is global, and open from inside only', async () => {
    await using lab = await openLab(preset('easy-hard', { ipv6: true }))
    const [alice, bob] = [lab.host('alice').ip6!, lab.host('bob').ip6!]
    const a = await UdpPeer.open(lab, 'alice', PORT, '::')
    const b = await UdpPeer.open(lab, 'bob', PORT, '::')
    a.send(bob, PORT, 'first')
    assert.equal(await b.hears('first', SILENCE_MS), undefined)
    b.send(alice, PORT, 'second')
    assert.deepEqual(await a.hears('second'), { text: 'second', from: `${bob}:${PORT}` })
    a.send(bob, PORT, 'third')
    assert.deepEqual(await b.hears('third'), { text: 'third', from: `${alice}:${PORT}` })
  })

  test('two easy NATs can be punched, with an early packet on the way', async () => {
    await using lab = await openLab(preset('easy-easy'))
    const [alice, bob] = [lab.host('alice').publicIp, lab.host('bob').publicIp]
    const a = await UdpPeer.open(lab, 'alice', 5000)
    const b = await UdpPeer.open(lab, 'bob', 5000)
    a.send(bob, 5000, 'early')
    assert.equal(await b.hears('early', SILENCE_MS), undefined)
    // the dropped packet must not have taken bob's port 5000 for alice's connection
    b.send(alice, 5000, 'hello')
    assert.deepEqual(await a.hears('hello'), { text: 'hello', from: `${bob}:5000` })
  })

  test('double NAT: seen as the outer router, both filter', async () => {
    await using lab = await openLab(preset('double-nat'))
    const hub = lab.host('hub')
    await UdpPeer.open(lab, 'hub', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    assert.equal(lab.host('alice').publicIp, lab.host('carrier').ip)
    assert.equal(await alice.seenBy(hub.ip, PORT), `${lab.host('carrier').ip}:5000`)
    const stranger = await UdpPeer.open(lab, 'hub', PORT + 1)
    stranger.send(lab.host('carrier').ip, 5000, 'hello?')
    assert.equal(await alice.hears('hello?', SILENCE_MS), undefined)
  })

  test('one NAT: neighbours reach each other at home, through the public address only with hairpinning', async () => {
    for (const hairpin of [false, true]) {
      await using lab = await openLab({
        hub: {},
        nat: { mapping: 'endpoint-independent', hairpin },
        alice: { behind: 'nat' },
        bob: { behind: 'nat' }
      })
      await UdpPeer.open(lab, 'hub', PORT)
      const alice = await UdpPeer.open(lab, 'alice', 5000)
      const bob = await UdpPeer.open(lab, 'bob', 6000)
      assert.equal(await alice.seenBy(lab.host('hub').ip, PORT), `${lab.host('nat').ip}:5000`)
      assert.equal(await bob.seenBy(lab.host('hub').ip, PORT), `${lab.host('nat').ip}:6000`)
      alice.send(lab.host('bob').ip, 6000, 'home')
      assert.equal((await bob.hears('home'))?.from, `${lab.host('alice').ip}:5000`)
      alice.send(lab.host('nat').ip, 6000, 'hairpin')
      const got = await bob.hears('hairpin', hairpin ? 2000 : SILENCE_MS)
      assert.equal(got?.from, hairpin ? `${lab.host('nat').ip}:5000` : undefined)
      if (!hairpin) continue
      bob.send(lab.host('nat').ip, 5000, 'and back')
      assert.equal((await alice.hears('and back'))?.from, `${lab.host('nat').ip}:6000`)
    }
  })

  test('blocked UDP lets TCP through, and can be switched', async () => {
    await using lab = await openLab(preset('udp-blocked'))
    const hub = lab.host('hub').ip
    await UdpPeer.open(lab, 'hub', PORT)
    const server = lab.spawn('hub', tcpServer, { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise(resolve => server.stdout!.once('data', resolve))
    const alice = await UdpPeer.open(lab, 'alice')
    assert.equal(await alice.seenBy(hub, PORT, SILENCE_MS), undefined)
    assert.equal((await lab.exec('alice', tcp(hub))).stdout.trim(), 'connect')
    await lab.setBlockUdp('natA', false)
    assert.ok(await alice.seenBy(hub, PORT))
    await lab.setBlockUdp('natA', true)
    assert.equal(await alice.seenBy(hub, PORT, SILENCE_MS), undefined)
    await assert.rejects(lab.setBlockUdp('alice', true), /'alice' is a host, not a router/)
  })

  test('a router forgets: when it is flushed, and after the lifetime of a mapping', async () => {
    await using lab = await openLab({
      hub: {},
      nat: { mapping: 'address-and-port-dependent', mappingLifetimeSeconds: 1 },
      alice: { behind: 'nat' }
    })
    const hub = lab.host('hub').ip
    const out = await UdpPeer.open(lab, 'hub', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const before = await alice.seenBy(hub, PORT)
    await lab.flushNat('nat')
    out.send(lab.host('nat').ip, Number(before!.split(':')[1]), 'late')
    assert.equal(await alice.hears('late', SILENCE_MS), undefined)
    const after = await alice.seenBy(hub, PORT)
    assert.notEqual(after, before)
    // the kernel counts in its own ticks and collects lazily, but looks at the expiry of each entry that it finds
    await new Promise(resolve => setTimeout(resolve, 1500))
    out.send(lab.host('nat').ip, Number(after!.split(':')[1]), 'too late')
    assert.equal(await alice.hears('too late', SILENCE_MS), undefined)
  })
})

/** A connected UDP socket, which hears of ICMP errors. */
function connectedUdp(ip: string): string[] {
  const family = ip.includes(':') ? 'udp6' : 'udp4'
  return [
    process.execPath,
    '-e',
    `const socket = require('dgram').createSocket('${family}')
     const end = what => { console.log(what); process.exit() }
     socket.on('error', error => end(error.code))
     socket.connect(${PORT}, '${ip}', () => { socket.send('?'); setTimeout(() => socket.send('?'), 200); setTimeout(end, 500, 'timeout') })`
  ]
}
