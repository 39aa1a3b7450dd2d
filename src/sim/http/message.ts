/** The head of an HTTP/1.1 message, names in lower case. */
export interface Head {
  readonly start: string
  readonly headers: Readonly<Record<string, string>>
}

const END = '\r\n\r\n'

/** Cuts a message where its head ends; undefined while it has not come whole. */
export function splitHead(bytes: Uint8Array): { head: string; body: Uint8Array } | undefined {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(END)
  if (at < 0) return undefined
  return { head: Buffer.from(bytes.subarray(0, at)).toString('latin1'), body: bytes.subarray(at + END.length) }
}

export function parseHead(text: string): Head {
  const [start = '', ...lines] = text.split('\r\n')
  const headers = lines.flatMap(line => {
    const at = line.indexOf(':')
    return at > 0 ? [[line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()] as const] : []
  })
  return { start, headers: Object.fromEntries(headers) }
}

export function headOf(start: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${start}\r\n${lines.join('')}\r\n`, 'latin1')
}
