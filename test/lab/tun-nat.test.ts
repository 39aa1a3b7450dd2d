import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Lab, RouterSpec } from '../../lab/lab.ts'
import { openLab } from '../../lab/lab.ts'
import type { Dependence } from '../../src/core/behaviour.ts'
import { DEPENDENCES } from '../../src/core/behaviour.ts'
import { NO_SIM_ROUTER } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
const TCP_PROGRAM = fileURLToPath(new URL('tcp-program.ts', import.meta.url))

/** How many public endpoints two addresses with two ports each see, by what the mapping depends on. */
const SEEN: Record<Dependence, number> = {
  'endpoint-independent': 1,
  'address-dependent': 2,
  'address-and-port-dependent': 4
}
/** Who of them may answer after a packet to the first one. */
const ADMITTED: Record<Dependence, readonly number[]> = {
  'endpoint-independent': [0, 1, 2, 3],
  'address-dependent': [0, 1],
  'address-and-port-dependent': [0]
}

/** A lab with a router, two hosts behind it, and a host outside with two addresses. */
function labWith(router: RouterSpec, more: { ipv6?: boolean } = {}): Promise<Lab> {
  const inside = { behind: 'nat', ...more }
  return openLab({ out: { addresses: 2, ...more }, nat: { engine: 'sim', ...router }, alice: inside, bob: inside })
}

/** Sockets at both addresses and two ports of each. */
function observers(lab: Lab): Promise<UdpPeer[]> {
  const [first, second] = lab.host('out').ips as [string, string]
  return Promise.all(
    [
      [PORT, first],
      [PORT + 1, first],
      [PORT, second],
      [PORT + 1, second]
    ].map(([port, ip]) => UdpPeer.open(lab, 'out', port as number, ip as string))
  )
}

const addressesOf = (lab: Lab) => {
  const [first, second] = lab.host('out').ips as [string, string]
  return [
    [first, PORT],
    [first, PORT + 1],
    [second, PORT],
    [second, PORT + 1]
  ] as const
}
const portOf = (endpoint: string | undefined) => Number(endpoint?.split(':').at(-1))

/** What a peer was sent, but for answers to its own questions. */
const textsAt = (peer: UdpPeer) => peer.received.map(({ text }) => text).filter(text => !text.startsWith('you are'))

/**
 * Which of the observers' packets arrive. No waiting for what does not come: each sends, and is answered at home, so its
 * packet has left; the last one sends once more, and packets stay in order.
 */
async function admitted(lab: Lab, from: UdpPeer[], to: UdpPeer, publicPort: number): Promise<number[]> {
  const { publicIp, ip } = { publicIp: lab.host('alice').publicIp, ip: lab.host('out').ip }
  for (const [i, peer] of from.entries()) {
    peer.send(publicIp, publicPort, `from ${i}`)
    if (i > 0) await peer.seenBy(ip, PORT)
  }
  from[0]!.send(publicIp, publicPort, 'last')
  assert.ok(await to.hears('last'))
  // each has a process of its own, so the first may come second
  return textsAt(to)
    .flatMap(text => (text.startsWith('from ') ? [Number(text.slice(5))] : []))
    .sort()
}

describe("the simulator's NAT, seen by real sockets", { skip: NO_SIM_ROUTER, concurrency: 2 }, () => {
  for (const mapping of DEPENDENCES)
    for (const filtering of DEPENDENCES)
      test(`mapping ${mapping}, filtering ${filtering}`, async () => {
        await using lab = await labWith({ mapping, filtering })
        const peers = await observers(lab)
        const asked = await UdpPeer.open(lab, 'alice', 5000)
        const seen: (string | undefined)[] = []
        for (const [ip, port] of addressesOf(lab)) seen.push(await asked.seenBy(ip, port))
        assert.ok(
          seen.every(endpoint => endpoint?.startsWith(`${lab.host('nat').ip}:`)),
          `${seen}`
        )
        assert.equal(new Set(seen).size, SEEN[mapping], `${seen}`)
        assert.equal(await asked.seenBy(...addressesOf(lab)[0]!), seen[0], 'a mapping stays')

        const quiet = await UdpPeer.open(lab, 'alice', 6000)
        const port = portOf(await quiet.seenBy(...addressesOf(lab)[0]!))
        assert.deepEqual(await admitted(lab, peers, quiet, port), ADMITTED[filtering])
      })

  test('a firewall filters as it is told, and translates nothing', async () => {
    await using lab = await labWith({ mapping: 'none', filtering: 'address-dependent' })
    const peers = await observers(lab)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    assert.equal(await alice.seenBy(lab.host('out').ip, PORT), `${lab.host('alice').ip}:5000`)
    assert.deepEqual(await admitted(lab, peers, alice, 5000), [0, 1])
  })

  /** Each row: the words, and whether the ports that one socket has for eight destinations are right. */
  const allocations: [string, RouterSpec, (ports: number[]) => boolean][] = [
    [
      'sequential, by two',
      { mapping: 'address-and-port-dependent', allocation: 'sequential', step: 2 },
      ports => ports.slice(1).every((port, i) => port - ports[i]! === 2)
    ],
    [
      'sequential, downwards',
      { mapping: 'address-and-port-dependent', allocation: 'sequential', step: -1 },
      ports => ports.slice(1).every((port, i) => port - ports[i]! === -1)
    ],
    [
      'preserving, then the next one',
      { mapping: 'address-and-port-dependent', allocation: 'preserving' },
      ports => ports.every((port, i) => port === 5000 + i)
    ],
    [
      'preserving, of the same parity',
      { mapping: 'address-and-port-dependent', allocation: 'preserving', parity: true },
      ports => ports.every((port, i) => port === 5000 + 2 * i)
    ],
    [
      'random, out of a range',
      { mapping: 'address-and-port-dependent', allocation: 'random', ports: { first: 30_000, last: 30_999 } },
      ports =>
        new Set(ports.slice(1).map((port, i) => port - ports[i]!)).size > 4 &&
        ports.every(port => port >= 30_000 && port < 31_000)
    ]
  ]
  for (const [name, router, isRight] of allocations) {
    test(`ports: ${name}`, async () => {
      await using lab = await labWith(router)
      const ip = lab.host('out').ip
      const ports = Array.from({ length: 8 }, (_, i) => PORT + i)
      await Promise.all(ports.map(port => UdpPeer.open(lab, 'out', port)))
      const alice = await UdpPeer.open(lab, 'alice', 5000)
      const seen: number[] = []
      for (const port of ports) seen.push(portOf(await alice.seenBy(ip, port)))
      assert.equal(new Set(seen).size, seen.length)
      assert.ok(isRight(seen), `${seen}`)
    })
  }

  for (const mapping of ['endpoint-independent', 'address-and-port-dependent'] as const)
    for (const hairpin of [false, true])
      test(`hairpin ${hairpin}, mapping ${mapping}: UDP with equal private ports, and TCP`, async () => {
        await using lab = await labWith({ mapping, hairpin })
        await UdpPeer.open(lab, 'out', PORT)
        const [out, nat] = [lab.host('out').ip, lab.host('nat').ip]
        const alice = await UdpPeer.open(lab, 'alice', 5000)
        const bob = await UdpPeer.open(lab, 'bob', 5000)
        const port = portOf(await bob.seenBy(out, PORT))
        const seen = await alice.seenBy(nat, port, hairpin ? 2000 : 300)
        assert.equal(seen?.startsWith(`${nat}:`), hairpin ? true : undefined)
        if (hairpin) assert.notEqual(portOf(seen), port)

        const server = lab.spawn('out', [process.execPath, TCP_PROGRAM, 'listen', `${PORT}`], {
          stdio: ['ignore', 'pipe', 'inherit']
        })
        await new Promise(resolve => server.stdout!.once('data', resolve))
        // a listener that has dialled out from its own port, so that the NAT knows it: only a SYN finds out
        const told = await lab.exec('bob', [process.execPath, TCP_PROGRAM, 'seen', out, `${PORT}`, '7000'])
        const tcpPort = portOf(told.stdout.trim())
        assert.ok(tcpPort > 0, told.stdout + told.stderr)
        // nobody listens at bob's: his own reset comes back through the hairpin; without one nothing does
        const dialled = await lab.exec('alice', [process.execPath, TCP_PROGRAM, 'dial', nat, `${tcpPort}`, '600'])
        assert.equal(dialled.stdout.trim(), hairpin ? 'ECONNREFUSED' : 'timeout')
      })

  test('short lifetimes, and packets from outside that keep nothing alive', async () => {
    const lifetimes = { udpMs: 1000, udpStreamMs: 1000 }
    await using lab = await labWith({ mapping: 'endpoint-independent', lifetimes, inboundRefresh: false })
    const [nat, out] = [lab.host('nat').ip, lab.host('out').ip]
    const outside = await UdpPeer.open(lab, 'out', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const port = portOf(await alice.seenBy(out, PORT))
    // its last packet has left, so from now on the mapping has at most its lifetime
    const since = performance.now()
    const ageMs = () => Math.round(performance.now() - since)
    while (ageMs() < 1500) {
      outside.send(nat, port, `${ageMs()}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const ages = textsAt(alice).map(Number)
    assert.ok(ages.length > 0 && Math.max(...ages) <= 1000, `${ages}`)
    assert.ok(await alice.seenBy(out, PORT), 'and there is a new one')
  })

  test('unsolicited SYNs: silence, or a reset', async () => {
    for (const [unsolicited, expected] of [
      ['drop', 'timeout'],
      ['reset', 'ECONNREFUSED']
    ] as const) {
      await using lab = await labWith({ mapping: 'endpoint-independent', unsolicited }, { ipv6: true })
      for (const ip of [lab.host('nat').ip, lab.host('alice').ip6!]) {
        const { stdout } = await lab.exec('out', [process.execPath, TCP_PROGRAM, 'dial', ip, `${PORT}`, '600'])
        assert.equal(stdout.trim(), expected, ip)
      }
    }
  })

  test('a megabyte each way over TCP arrives as it was sent, over IPv4, a firewall for IPv6, and NAT66', async () => {
    for (const nat66 of [false, true]) {
      await using lab = await labWith({ mapping: 'address-dependent', nat66 }, { ipv6: true })
      const server = lab.spawn('out', [process.execPath, TCP_PROGRAM, 'listen', `${PORT}`], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      await new Promise(resolve => server.stdout!.once('data', resolve))
      const inside6 = lab.host('alice').ip6!
      assert.equal(inside6.startsWith('fd00:'), nat66)
      const { ip, ip6 } = lab.host('out')
      for (const [to, seenAs] of [
        [ip, lab.host('nat').ip],
        [ip6!, nat66 ? lab.host('nat').ip6! : inside6]
      ] as const) {
        const { stdout, stderr } = await lab.exec('alice', [
          process.execPath,
          TCP_PROGRAM,
          'echo',
          to,
          `${PORT}`,
          '1000000'
        ])
        assert.equal(stdout.trim(), `same ${seenAs}`, `${to} ${stderr}`)
      }
    }
  })

  test('IPv6 is filtered by the same words', async () => {
    await using lab = await labWith({ mapping: 'endpoint-independent', filtering: 'address-dependent' }, { ipv6: true })
    const out6 = lab.host('out').ip6!
    const [one, two] = await Promise.all([
      UdpPeer.open(lab, 'out', PORT, '::'),
      UdpPeer.open(lab, 'out', PORT + 1, '::')
    ])
    const alice = await UdpPeer.open(lab, 'alice', 5000, '::')
    const { ip6 } = lab.host('alice')
    two.send(ip6!, 5000, 'early')
    await two.seenBy(out6, PORT)
    assert.equal(await alice.seenBy(out6, PORT), `${ip6}:5000`)
    two.send(ip6!, 5000, 'from the other port')
    assert.ok(await alice.hears('from the other port'))
    one.send(ip6!, 5001, 'nobody there')
    assert.deepEqual(textsAt(alice), ['from the other port'])
  })

  test('it is one hop, echoes pass, and errors come back to who sent the packet', async () => {
    await using lab = await labWith({ mapping: 'address-dependent' }, { ipv6: true })
    const { ip, ip6 } = lab.host('out')
    const ping = async (to: string, ttl: number) => {
      const { stdout } = await lab.exec('alice', ['ping', '-n', '-c', '1', '-W', '2', '-t', `${ttl}`, to])
      return /bytes from ([0-9a-f.:]+):/.exec(stdout)?.[1] ?? /From ([0-9a-f.:]+) /.exec(stdout)?.[1] ?? stdout
    }
    const { gateway, gateway6 } = lab.host('alice')
    assert.deepEqual([await ping(ip, 1), await ping(ip, 2), await ping(ip, 3)], [gateway, lab.host('nat').gateway, ip])
    // a router names the address of the interface that it answers through, on IPv6 too
    assert.deepEqual([await ping(ip6!, 1), await ping(ip6!, 3)], [gateway6, ip6])
    // nobody has that port outside: the kernel there says so, and a connected socket inside hears of it
    for (const to of [ip, ip6!]) {
      const { stdout } = await lab.exec('alice', [process.execPath, TCP_PROGRAM, 'udp', to, '9', '2000'])
      assert.equal(stdout.trim(), 'ECONNREFUSED', to)
    }
  })

  test('it forgets when it is flushed, and UDP is blocked and let through again', async () => {
    await using lab = await labWith({ mapping: 'address-and-port-dependent' })
    const [nat, out] = [lab.host('nat').ip, lab.host('out').ip]
    const outside = await UdpPeer.open(lab, 'out', PORT)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const before = await alice.seenBy(out, PORT)
    await lab.flushNat('nat')
    outside.send(nat, portOf(before), 'late')
    await outside.seenBy(out, PORT)
    const after = await alice.seenBy(out, PORT)
    assert.ok(after)
    assert.notEqual(after, before)
    outside.send(nat, portOf(after), 'in time')
    assert.ok(await alice.hears('in time'))
    assert.deepEqual(textsAt(alice), ['in time'])
    await lab.setBlockUdp('nat', true)
    assert.equal(await alice.seenBy(out, PORT, 300), undefined)
    await lab.setBlockUdp('nat', false)
    assert.ok(await alice.seenBy(out, PORT))
  })

  test('routers of both engines in a row, with a shaped link between', async () => {
    await using lab = await openLab({
      out: {},
      carrier: { mapping: 'address-and-port-dependent', allocation: 'sequential', link: { delayMs: 5 } },
      home: { mapping: 'endpoint-independent', behind: 'carrier' },
      cellar: { mapping: 'endpoint-independent', filtering: 'endpoint-independent', behind: 'home' },
      alice: { behind: 'cellar' }
    })
    await UdpPeer.open(lab, 'out', PORT)
    await UdpPeer.open(lab, 'out', PORT + 1)
    const alice = await UdpPeer.open(lab, 'alice', 5000)
    const first = await alice.seenBy(lab.host('out').ip, PORT)
    const second = await alice.seenBy(lab.host('out').ip, PORT + 1)
    assert.ok(first?.startsWith(`${lab.host('carrier').ip}:`), first)
    assert.equal(portOf(second) - portOf(first), 1)
  })
})
