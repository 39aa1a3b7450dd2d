import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { NatError } from '../../core/errors.ts'

/** Who has sent a request. */
export interface Client {
  readonly address: string
  /** 0 behind a proxy, which does not tell it. */
  readonly port: number
}

/** The proxies in front of a hub whose word on where a request comes from counts. */
export class TrustedProxies {
  readonly #list = new BlockList()

  /** @param proxies addresses, and networks as `10.0.0.0/8` @throws NatError BAD_OPTION */
  constructor(proxies: readonly string[]) {
    for (const each of proxies) this.#add(each)
  }

  has(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }

  /**
   * Each proxy appends whom it has heard to X-Forwarded-For, and what stands before that anybody may have written: so it is read from its end, as far as
   * trusted proxies go.
   */
  clientOf({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): Client {
    let address = plain(socket.remoteAddress ?? '')
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',')
    if (forwarded === '' || !this.has(address)) return { address, port: socket.remotePort ?? 0 }
    for (const said of forwarded.split(',').reverse()) {
      const next = plain(said.trim())
      if (isIP(next) === 0) break
      address = next
      if (!this.has(address)) break
    }
    return { address, port: 0 }
  }

  #add(proxy: string): void {
    const [host = '', bits, ...rest] = proxy.split('/')
    const family = isIP(host)
    const type = family === 6 ? 'ipv6' : 'ipv4'
    const prefix = bits == null ? undefined : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
    const most = family === 6 ? 128 : 32
    if (family === 0 || rest.length > 0 || (prefix != null && !(prefix <= most))) {
      throw new NatError('BAD_OPTION', `${proxy} is no proxy to trust: give an IP address, or a network as 10.0.0.0/8`)
    }
    if (prefix == null) this.#list.addAddress(host, type)
    else this.#list.addSubnet(host, prefix, type)
  }
}

/** One spelling for an IPv4 address, whether or not it came by an IPv6 socket; a port behind it, which some proxies add, is left out. */
function plain(address: string): string {
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(address)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(address)?.[1] ?? address
  return isIP(bare) === 0 ? bare : ipaddr.process(bare).toString()
}
