import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test, { describe } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Path } from '../../src/socket/path.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'
import type { SwitchEvents } from '../../src/socket/switch-events.ts'
import { initial, short } from './packets.ts'
import { descriptors, NO_PROC, PLANES, setUp, until } from './planes.ts'

const SCARCE = fileURLToPath(new URL('scarce-program.ts', import.meta.url))
const CLIENT_ID = 'c1c1c1c1c1c1c1c1'

for (const { kind, skip } of PLANES) {
  describe(`the ${kind} data plane`, { skip }, () => {
    test('released: the last words get out, and the loopback socket goes', { skip: NO_PROC }, async t => {
      const { packetSwitch, peer, dial } = await setUp(t, kind)
      const gone: SwitchEvents['gone'][] = []
      packetSwitch.events.on('gone', event => gone.push(event))
      const { client, loopbackPort, flow } = await dial()
      const opened = descriptors()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      await packetSwitch.release(flow)
      const lastWords = short(CLIENT_ID)
      client.send(lastWords, loopbackPort)
      assert.deepEqual((await peer.next()).bytes, lastWords)
      await until(
        () => gone.length,
        count => count === 1
      )
      assert.deepEqual(gone, [{ event: 'gone', flow, loopbackPort }])
      await until(descriptors, count => count === opened - 1)
      assert.equal(await packetSwitch.accept(loopbackPort), undefined)
    })

    test('released now: nothing more gets out', async t => {
      const { packetSwitch, socket, peer, dial } = await setUp(t, kind)
      const { client, loopbackPort, flow } = await dial()
      client.send(initial({ from: CLIENT_ID }), loopbackPort)
      await peer.next()
      await packetSwitch.release(flow, true)
      assert.equal((await packetSwitch.stats()).flows, 0)
      client.send(short(CLIENT_ID), loopbackPort)
      const marker = Buffer.of(1)
      packetSwitch.send(socket, peer.endpoint, marker)
      assert.deepEqual((await peer.next()).bytes, marker)
    })

    test('a hundred flows and sockets leave no descriptor behind', { skip: NO_PROC }, async t => {
      const { packetSwitch, socket, engine, peer } = await setUp(t, kind)
      const before = descriptors()
      for (let port = 1; port <= 100; port++) {
        await packetSwitch.dial({ kind: 'udp', socket, remote: { address: '127.0.0.2', port } })
      }
      for (let i = 0; i < 20; i++) {
        const more = await packetSwitch.bind('127.0.0.1', 0)
        await packetSwitch.listen(more.socket, engine.endpoint.port)
        peer.send(initial(), more.port)
        await engine.next()
        await packetSwitch.unbind(more.socket)
      }
      assert.equal((await packetSwitch.stats()).flows, 100)
      await packetSwitch.unbind(socket)
      assert.equal((await packetSwitch.stats()).flows, 0)
      await until(descriptors, count => count === before - 1)
    })

    test('closed: every descriptor is back, calls say so, and so does closing again', { skip: NO_PROC }, async () => {
      // what Node opens for the first thread of a process stays
      await (await PacketSwitch.open(kind)).close()
      const before = descriptors()
      const packetSwitch = await PacketSwitch.open(kind)
      const { socket } = await packetSwitch.bind('127.0.0.1', 0)
      await packetSwitch.dial({ kind: 'udp', socket, remote: { address: '127.0.0.1', port: 9 } })
      const pipe = packetSwitch.newPipe()
      await packetSwitch.dial({ kind: 'pipe', pipe })
      await packetSwitch.close()
      await until(descriptors, count => count === before)
      await assert.rejects(packetSwitch.stats(), { code: 'LINK_CLOSED' })
      packetSwitch.send(socket, { address: '127.0.0.1', port: 9 }, Buffer.of(1))
      packetSwitch.fromPipe(pipe, Buffer.of(1))
      packetSwitch.fromPipe(packetSwitch.newPipe(), Buffer.of(1))
      packetSwitch.closePipe(pipe)
      packetSwitch.dismiss(1, { kind: 'pipe', pipe })
      packetSwitch.watch(1, true)
      await packetSwitch.close()
    })

    test('a port that another program has, here or there, is PORT_TAKEN', async t => {
      const { packetSwitch, port, peer } = await setUp(t, kind)
      for (const taken of [port, peer.endpoint.port]) {
        const wanted = { code: 'PORT_TAKEN', message: new RegExp(`port ${taken} on 127.0.0.1 is taken`) }
        await assert.rejects(packetSwitch.bind('127.0.0.1', taken), wanted)
      }
    })

    test('addresses that are none are BAD_ADDRESS, and the switch lives on', async t => {
      const { packetSwitch, socket, peer } = await setUp(t, kind)
      const bad = { code: 'BAD_ADDRESS' }
      for (const address of ['', 'localhost', '1.2.3', '127.0.0.1%lo', '::1::', 'fe80::1%nosuch']) {
        await assert.rejects(packetSwitch.bind(address, 0), bad)
      }
      for (const port of [-1, 65_536, 1.5, Number.NaN]) await assert.rejects(packetSwitch.bind('127.0.0.1', port), bad)
      for (const [address, port] of [
        ['nowhere', 1],
        ['127.0.0.1', 0],
        ['127.0.0.1', 65_536]
      ] as const) {
        const path: Path = { kind: 'udp', socket, remote: { address, port } }
        await assert.rejects(packetSwitch.dial(path), bad)
        await assert.rejects(packetSwitch.move(1, path), bad)
        assert.throws(() => packetSwitch.send(socket, path.remote, Buffer.of(1)), bad)
      }
      packetSwitch.send(socket, peer.endpoint, Buffer.of(1))
      await peer.next()
    })

    test('an address of another machine is NO_NETWORK', async t => {
      const { packetSwitch } = await setUp(t, kind)
      // RFC 5737: for documentation, nobody has it
      await assert.rejects(packetSwitch.bind('192.0.2.1', 0), { code: 'NO_NETWORK', message: /192\.0\.2\.1/ })
    })

    test('576 public sockets; one more is LIMIT, until one goes', async t => {
      const { packetSwitch, socket } = await setUp(t, kind)
      for (let i = 1; i < 576; i++) await packetSwitch.bind('127.0.0.1', 0)
      await assert.rejects(packetSwitch.bind('127.0.0.1', 0), { code: 'LIMIT' })
      await packetSwitch.unbind(socket)
      await packetSwitch.bind('127.0.0.1', 0)
    })

    test('no descriptor left: dials and sockets are LIMIT, and work again when some are free', {
      skip: NO_PROC
    }, () => {
      const run = spawnSync('sh', ['-c', 'ulimit -n 100; exec "$0" "$1" "$2"', process.execPath, SCARCE, kind])
      assert.deepEqual([run.stderr.toString(), run.stdout.toString()], ['', 'LIMIT LIMIT LIMIT works\n'])
    })
  })
}
