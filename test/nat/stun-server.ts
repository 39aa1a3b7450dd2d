import type { Endpoint } from '../../src/core/machine.ts'
import type { Family, UdpSocket } from '../../src/core/net.ts'
import type { SimHost } from '../../src/sim/host.ts'
import { decodeStun, encodeStun, find, type StunAttribute, StunFrames } from '../../src/wire/stun/index.ts'

export interface ServerOptions {
  /** @default 4001 and 3478: a hub's QUIC port and its STUN port */
  readonly ports?: readonly number[]
  readonly addresses?: readonly string[]
  readonly family?: Family
  /** Knows nothing of RFC 5780. @default false */
  readonly plain?: boolean
  /** What it names as its other address, whatever it has. */
  readonly other?: Endpoint
  /** Tells another endpoint than the one it sees. */
  readonly lie?: (seen: Endpoint) => Endpoint
  /** Does not do what a CHANGE-REQUEST asks for, and says nothing. @default false */
  readonly mute?: boolean
  /** @default true */
  readonly tcp?: boolean
}

/** A STUN server on {addresses} x {ports} of a simulated host, with RFC 5780 as far as its addresses and ports allow. Counts requests. */
export async function stunServer(host: SimHost, options: ServerOptions = {}): Promise<{ requests: number }> {
  const { family = 4, ports = [4001, 3478], plain = false, lie = (seen: Endpoint) => seen, mute = false } = options
  const addresses = options.addresses ?? (family === 4 ? host.ips : [host.ip6!])
  const counted = { requests: 0 }
  const sockets = new Map<string, UdpSocket>()
  const key = (address: string, port: number) => `${address} ${port}`

  const attributesFor = (own: Endpoint, from: Endpoint, request: ReturnType<typeof decodeStun>) => {
    const at = { address: otherOf(addresses, own.address), port: otherOf(ports, own.port) }
    const attributes: StunAttribute[] = [{ type: 'XOR-MAPPED-ADDRESS', ...lie(from) }]
    const change = find(request, 'CHANGE-REQUEST')
    const responsePort = find(request, 'RESPONSE-PORT')
    if (plain) {
      const codes = request.attributes.flatMap(({ type }) =>
        type === 'CHANGE-REQUEST' ? [3] : type === 'RESPONSE-PORT' ? [0x27] : []
      )
      if (codes.length > 0) return { error: codes, via: own, to: from }
      return { attributes, via: own, to: from }
    }
    const via = {
      address: change?.changeIp === true ? at.address : own.address,
      port: change?.changePort === true ? at.port : own.port
    }
    const possible =
      (change?.changeIp !== true || addresses.length > 1) && (change?.changePort !== true || ports.length > 1)
    if (!possible) return { error: [3], via: own, to: from }
    attributes.push({ type: 'RESPONSE-ORIGIN', ...via })
    const other = options.other ?? (addresses.length > 1 ? at : undefined)
    if (other != null) attributes.push({ type: 'OTHER-ADDRESS', ...other })
    return { attributes, via, to: { ...from, port: responsePort?.port ?? from.port }, changed: change != null }
  }

  const answer = (own: Endpoint, bytes: Uint8Array, from: Endpoint) => {
    const request = decodeStun(bytes)
    if (request.class !== 'request') return undefined
    counted.requests++
    const result = attributesFor(own, from, request)
    if (mute && result.changed === true) return undefined
    const common = { method: 'binding', transactionId: request.transactionId } as const
    const message =
      result.error == null
        ? ({ ...common, class: 'success', attributes: result.attributes } as const)
        : ({
            ...common,
            class: 'error',
            attributes: [
              { type: 'ERROR-CODE', code: 420, reason: 'Unknown Attribute' },
              { type: 'UNKNOWN-ATTRIBUTES', codes: result.error }
            ]
          } as const)
    return { bytes: encodeStun(message, { fingerprint: true }), via: result.via, to: result.to }
  }

  for (const address of addresses) {
    for (const port of ports) {
      const socket = await host.udp({ family, address, port })
      sockets.set(key(address, port), socket)
      socket.onPacket((bytes, from) => {
        const response = answer({ address, port }, bytes, from)
        if (response != null) sockets.get(key(response.via.address, response.via.port))!.send(response)
      })
    }
  }
  if (options.tcp !== false) {
    host.listenTcp(3478, connection => {
      const frames = new StunFrames()
      const serve = async () => {
        const signal = new AbortController().signal
        for (let bytes = await connection.read(signal); bytes != null; bytes = await connection.read(signal)) {
          for (const message of frames.push(bytes)) {
            const response = answer(connection.local, message, connection.remote)
            if (response != null) connection.write(response.bytes)
          }
        }
        connection.close()
      }
      serve().catch(() => connection.close())
    })
  }
  return counted
}

function otherOf<T>(all: readonly T[], one: T): T {
  return all.find(each => each !== one) ?? one
}
