import { NatError } from '../../core/errors.ts'

/** Simple Service Discovery Protocol: HTTP's lines in a datagram (UPnP Device Architecture 2.0 section 1). */

export const SSDP_PORT = 1900
/** Annex A: link-local for IPv6, and site-local, which has devices tell addresses that are more than link-local. */
export const SSDP_GROUPS = { 4: '239.255.255.250', 6: 'ff02::c', site6: 'ff05::c' } as const

const BOUNDS = {
  /** Answers have some 400 bytes. */
  maxBytes: 4_096,
  maxHeaders: 64
} as const

/** Who is there that is of this type? Answers come within `mxSeconds`, at random. */
export interface SsdpSearch {
  readonly type: 'search'
  readonly target: string
  readonly mxSeconds: number
}

export interface SsdpAnswer {
  readonly type: 'answer'
  readonly target: string
  /** Unique to device and type; several of one device differ. */
  readonly usn: string
  /** The URL of the device's description. */
  readonly location: string
  readonly server?: string
  /** BOOTID.UPNP.ORG: another one than before, the device has restarted (version 1.1 and newer). */
  readonly bootId?: number
}

/** A device has come, is still there, or goes. */
export interface SsdpNotify {
  readonly type: 'notify'
  readonly kind: 'alive' | 'byebye' | 'update'
  readonly target: string
  readonly usn: string
  readonly location?: string
  /** As in an answer. */
  readonly bootId?: number
}

export type SsdpMessage = SsdpSearch | SsdpAnswer | SsdpNotify

const FIRST_LINES = {
  search: 'M-SEARCH * HTTP/1.1',
  answer: 'HTTP/1.1 200 OK',
  notify: 'NOTIFY * HTTP/1.1'
} as const
/** How long what an answer says stays true; the specification's least. */
const MAX_AGE_SECONDS = 1800

/** @param group  whom it goes to, which its HOST header repeats */
export function encodeSsdp(message: SsdpMessage, group: string = SSDP_GROUPS[4]): Uint8Array {
  const host = `${group.includes(':') ? `[${group.toUpperCase()}]` : group}:${SSDP_PORT}`
  const lines = [FIRST_LINES[message.type], ...headersOf(message, host).filter(line => line !== '')]
  if (lines.some(line => /[\r\n]/.test(line))) throw new NatError('MALFORMED', 'a line break in an SSDP header')
  return new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`)
}

function headersOf(message: SsdpMessage, host: string): string[] {
  const aged = `CACHE-CONTROL: max-age=${MAX_AGE_SECONDS}`
  switch (message.type) {
    case 'search':
      return [`HOST: ${host}`, 'MAN: "ssdp:discover"', `MX: ${message.mxSeconds}`, `ST: ${message.target}`]
    case 'answer': {
      const server = message.server == null ? '' : `SERVER: ${message.server}`
      const found = [`LOCATION: ${message.location}`, server, `ST: ${message.target}`, `USN: ${message.usn}`]
      return [aged, 'EXT:', ...found, bootHeader(message)]
    }
    case 'notify': {
      const location = message.location == null ? '' : `LOCATION: ${message.location}`
      const kind = `NTS: ssdp:${message.kind}`
      return [
        `HOST: ${host}`,
        aged,
        location,
        `NT: ${message.target}`,
        kind,
        `USN: ${message.usn}`,
        bootHeader(message)
      ]
    }
    default:
      return message satisfies never
  }
}

function bootHeader({ bootId }: SsdpAnswer | SsdpNotify): string {
  return bootId == null ? '' : `BOOTID.UPNP.ORG: ${bootId}`
}

/** @throws NatError MALFORMED */
export function decodeSsdp(bytes: Uint8Array): SsdpMessage {
  if (bytes.length > BOUNDS.maxBytes) throw new NatError('MALFORMED', `SSDP of more than ${BOUNDS.maxBytes} bytes`)
  const [first = '', ...lines] = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines.length > BOUNDS.maxHeaders) throw new NatError('MALFORMED', `SSDP of more than ${BOUNDS.maxHeaders} lines`)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toUpperCase(), line.slice(colon + 1).trim())
  }
  const need = (name: string): string => {
    const value = headers.get(name)
    if (value == null || value === '') throw new NatError('MALFORMED', `SSDP without ${name}`)
    return value
  }
  if (/^M-SEARCH \* HTTP\/1\.[01]\s*$/.test(first)) {
    return { type: 'search', target: need('ST'), mxSeconds: wholeNumber(headers.get('MX')) ?? 0 }
  }
  const bootId = wholeNumber(headers.get('BOOTID.UPNP.ORG'))
  const boot = bootId == null ? {} : { bootId }
  if (/^HTTP\/1\.[01] 200\b/.test(first)) {
    const server = headers.get('SERVER')
    return {
      type: 'answer',
      target: need('ST'),
      usn: need('USN'),
      location: need('LOCATION'),
      ...(server == null ? {} : { server }),
      ...boot
    }
  }
  if (/^NOTIFY \* HTTP\/1\.[01]\s*$/.test(first)) {
    const [, kind] = /^ssdp:(alive|byebye|update)$/.exec(need('NTS')) ?? []
    if (kind == null) throw new NatError('MALFORMED', 'an SSDP notification of no known kind')
    const location = headers.get('LOCATION')
    return {
      type: 'notify',
      kind: kind as SsdpNotify['kind'],
      target: need('NT'),
      usn: need('USN'),
      ...(location == null ? {} : { location }),
      ...boot
    }
  }
  throw new NatError('MALFORMED', 'not SSDP')
}

function wholeNumber(value: string | undefined): number | undefined {
  return value != null && /^\d{1,10}$/.test(value) ? Number(value) : undefined
}
