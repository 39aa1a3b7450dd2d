import { generateKeyPairSync, sign } from 'node:crypto'

/**
 * A self-signed certificate for stun.example with a fresh key, both in PEM: as little of RFC 5280 as a TLS server needs.
 *
 * @param ipv4 an address that it is for as well
 */
export function selfSigned(ipv4?: string): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  // ecdsa-with-SHA256, 1.2.840.10045.4.3.2
  const algorithm = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
  // one attribute, commonName: 2.5.4.3
  const commonName = der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('stun.example')))
  const name = der(0x30, der(0x31, commonName))
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const serial = der(0x02, Buffer.of(1))
  const [version, extensions] = ipv4 == null ? [[], []] : [[der(0xa0, der(0x02, Buffer.of(2)))], [alternative(ipv4)]]
  const body = der(0x30, ...version, serial, algorithm, name, validity, name, spki, ...extensions)
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey))
  const cert = der(0x30, body, algorithm, signature).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${cert.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }
}

/** subjectAltName, 2.5.29.17, with an iPAddress: extensions need version 3. */
function alternative(ipv4: string): Buffer {
  const names = der(0x30, der(0x87, Buffer.from(ipv4.split('.').map(Number))))
  return der(0xa3, der(0x30, der(0x30, der(0x06, Buffer.from('551d11', 'hex')), der(0x04, names))))
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts)
  const length = value.length < 128 ? Buffer.of(value.length) : Buffer.of(0x82, value.length >> 8, value.length & 0xff)
  return Buffer.concat([Buffer.of(tag), length, value])
}
