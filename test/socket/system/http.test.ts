import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { systemHttp } from '../../../src/socket/system/http.ts'

let url = ''
let answer = ''
const heard: string[] = []
const sockets = new Set<Socket>()
const server = createServer(socket => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('data', bytes => {
    heard.push(bytes.toString())
    if (answer !== '') socket.end(answer)
  })
})

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/description.xml`
})
after(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

const signal = () => AbortSignal.timeout(5_000)
const ask = (maxBytes = 1_000) => systemHttp({ url, method: 'GET', maxBytes }, signal())

test('an answer with its headers, and from which address of ours it was asked', async () => {
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: router\r\n\r\nhello'
  const got = await ask()
  assert.equal(got.status, 200)
  assert.equal(got.body, 'hello')
  assert.deepEqual(got.headers, { 'content-length': '5', server: 'router' })
  assert.equal(got.localAddress, '127.0.0.1')
})

test('a request has its body and the length of it in bytes', async () => {
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  heard.length = 0
  await systemHttp({ url, method: 'POST', body: 'é!', headers: { SOAPAction: '"x"' }, maxBytes: 10 }, signal())
  assert.match(heard.join(''), /^POST \/description\.xml HTTP\/1\.1\r\n/)
  assert.match(heard.join(''), /\r\nSOAPAction: "x"\r\n/)
  assert.match(heard.join(''), /\r\ncontent-length: 3\r\n/i)
})

test('a redirect is an answer and is not followed', async () => {
  answer = 'HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n'
  assert.equal((await ask()).status, 302)
})

test('what is too long, no HTTP, or cut short is an error', async () => {
  answer = `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${'x'.repeat(2_000)}`
  await assert.rejects(ask(), { code: 'LIMIT' })
  answer = `HTTP/1.1 200 OK\r\n${'X-Filler: 0123456789abcdef\r\n'.repeat(2_000)}\r\n`
  await assert.rejects(ask(), { code: 'MALFORMED' })
  answer = 'SSH-2.0-OpenSSH\r\n\r\n'
  await assert.rejects(ask(), { code: 'MALFORMED' })
  answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
  await assert.rejects(ask(), { code: 'MALFORMED' })
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'
  await assert.rejects(ask(), { code: 'NO_NETWORK' })
})

test('who never answers is given up when the signal says so', async () => {
  answer = ''
  const reason = new Error('enough')
  const controller = new AbortController()
  const asked = systemHttp({ url, method: 'GET', maxBytes: 10 }, controller.signal)
  await once(server, 'connection')
  controller.abort(reason)
  await assert.rejects(asked, reason)
})

test('other schemes are refused', async () => {
  for (const bad of ['https://127.0.0.1/', 'file:///etc/passwd', 'nonsense']) {
    await assert.rejects(systemHttp({ url: bad, method: 'GET', maxBytes: 10 }, signal()), { code: 'BAD_ADDRESS' })
  }
})
