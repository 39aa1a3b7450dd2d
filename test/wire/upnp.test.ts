import assert from 'node:assert/strict'
import test from 'node:test'
import { NatError } from '../../src/core/errors.ts'
import { ACTIONS, type ActionName } from '../../src/wire/upnp/actions.ts'
import { allServices, decodeDescription, encodeDescription } from '../../src/wire/upnp/description.ts'
import { upnpError } from '../../src/wire/upnp/errors.ts'
import { serviceKind, serviceType } from '../../src/wire/upnp/services.ts'
import {
  decodeCall,
  decodeOutput,
  encodeCall,
  encodeFault,
  encodeOutput,
  readSoapAction,
  soapHeaders
} from '../../src/wire/upnp/soap.ts'
import { decodeSsdp, encodeSsdp, SSDP_GROUPS, type SsdpMessage } from '../../src/wire/upnp/ssdp.ts'
import { child, parseXml, text, XML_BOUNDS } from '../../src/wire/upnp/xml.ts'
import { fuzzCodec } from './fuzz.ts'

const utf8 = (value: string) => new TextEncoder().encode(value)
const malformed = (error: unknown) => error instanceof NatError && error.code === 'MALFORMED'
const IPC1 = serviceType('WANIPConnection', 1)

// as the UPnP Device Architecture writes them, with what real devices do to case and white space
const ssdp: ReadonlyArray<readonly [string, string, SsdpMessage]> = [
  [
    'a search',
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n',
    { type: 'search', target: 'upnp:rootdevice', mxSeconds: 2 }
  ],
  [
    'an answer',
    'HTTP/1.1 200 OK\r\nCache-Control: max-age=120\r\nst:upnp:rootdevice\r\nUSN:  uuid:a::upnp:rootdevice \r\nEXT:\r\nServer: Linux UPnP/1.1\r\nLocation: http://192.168.0.1:5000/rootDesc.xml\r\nOPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01\r\n01-NLS: 12\r\nBOOTID.UPNP.ORG: 12\r\n\r\n',
    {
      type: 'answer',
      target: 'upnp:rootdevice',
      usn: 'uuid:a::upnp:rootdevice',
      location: 'http://192.168.0.1:5000/rootDesc.xml',
      server: 'Linux UPnP/1.1',
      bootId: 12
    }
  ],
  [
    'an answer with bare line feeds',
    'HTTP/1.0 200 OK\nST: a\nUSN: b\nLOCATION: http://10.0.0.1/\n\n',
    { type: 'answer', target: 'a', usn: 'b', location: 'http://10.0.0.1/' }
  ],
  [
    'a notification',
    'NOTIFY * HTTP/1.1\r\nHOST:239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: uuid:a\r\nLOCATION: http://10.0.0.1/\r\nBOOTID.UPNP.ORG: 7\r\n\r\n',
    {
      type: 'notify',
      kind: 'alive',
      target: 'upnp:rootdevice',
      usn: 'uuid:a',
      location: 'http://10.0.0.1/',
      bootId: 7
    }
  ],
  [
    'a farewell',
    'NOTIFY * HTTP/1.1\r\nNT: x\r\nNTS: ssdp:byebye\r\nUSN: u\r\n\r\n',
    { type: 'notify', kind: 'byebye', target: 'x', usn: 'u' }
  ]
]
for (const [what, wire, message] of ssdp) {
  test(`SSDP: ${what}`, () => {
    assert.deepEqual(decodeSsdp(utf8(wire)), message)
    assert.deepEqual(decodeSsdp(encodeSsdp(message)), message)
  })
}

test('SSDP: the bytes of a search, over both families', () => {
  const search = { type: 'search', target: 'ssdp:all', mxSeconds: 2 } as const
  const lines = (host: string) =>
    `M-SEARCH * HTTP/1.1\r\nHOST: ${host}\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n`
  assert.deepEqual(encodeSsdp(search), utf8(lines('239.255.255.250:1900')))
  assert.deepEqual(encodeSsdp(search, SSDP_GROUPS[6]), utf8(lines('[FF02::C]:1900')))
})

test('SSDP: what is none is MALFORMED', () => {
  for (const wire of [
    '',
    'GET / HTTP/1.1\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\nST: a\r\nUSN: b\r\nLOCATION: c\r\n\r\n',
    'HTTP/1.1 200 OK\r\nST: a\r\nUSN: b\r\n\r\n',
    'NOTIFY * HTTP/1.1\r\nNT: a\r\nUSN: b\r\nNTS: ssdp:hello\r\n\r\n',
    `HTTP/1.1 200 OK\r\nST: a\r\nUSN: b\r\nLOCATION: ${'x'.repeat(5_000)}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nST: a\r\nUSN: b\r\nLOCATION: c\r\n${'x: y\r\n'.repeat(100)}\r\n`
  ]) {
    assert.throws(() => decodeSsdp(utf8(wire)), malformed, wire.slice(0, 40))
  }
  assert.throws(() => encodeSsdp({ type: 'search', target: 'a\r\nX: b', mxSeconds: 1 }), malformed)
})

// what a gateway of version 1 sends, shortened: three devices within each other, relative and absolute URLs
const DESCRIPTION = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337"><specVersion><major>1</major><minor>0</minor></specVersion>
<URLBase>http://192.168.0.1:5000/</URLBase>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Box &amp; Co</friendlyName>
<manufacturer>M</manufacturer><modelName>N</modelName><UDN>uuid:1</UDN><!-- <service> -->
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType><serviceId>L3</serviceId><controlURL>/ctl/L3F</controlURL></service></serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/WANIPCn.xml</SCPDURL><controlURL><![CDATA[http://192.168.0.1:5000/ctl/IPConn?a=1&b=2]]></controlURL><eventSubURL>/evt</eventSubURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType><controlURL> /ctl/IP6FCtl </controlURL></service>
<service><serviceType>cannot be called</serviceType></service>
</serviceList></device></deviceList></device></deviceList></device></root>`

test('a description: devices, services, URLs', () => {
  const description = decodeDescription(DESCRIPTION)
  assert.equal(description.urlBase, 'http://192.168.0.1:5000/')
  assert.equal(description.device.friendlyName, 'Box & Co')
  assert.deepEqual(
    allServices(description.device).map(({ serviceType, controlUrl }) => [
      serviceKind(serviceType)?.kind ?? 'other',
      controlUrl
    ]),
    [
      ['other', '/ctl/L3F'],
      ['WANIPConnection', 'http://192.168.0.1:5000/ctl/IPConn?a=1&b=2'],
      ['WANIPv6FirewallControl', '/ctl/IP6FCtl']
    ]
  )
  assert.deepEqual(decodeDescription(encodeDescription(description)), description)
})

test('XML: entities, depth, size and counts are bounded', () => {
  const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
  assert.ok(parseXml(nested(XML_BOUNDS.maxDepth)))
  const bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
  for (const [what, xml] of [
    ['depth', nested(XML_BOUNDS.maxDepth + 2)],
    ['size', `<a>${'b'.repeat(XML_BOUNDS.maxLength)}</a>`],
    ['tags', `<a>${'<b/>'.repeat(XML_BOUNDS.maxTags)}</a>`],
    ['entities', bomb],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['a doctype in lower case', '<!doctype a><a/>'],
    ['an entity alone', '<a><!ENTITY b "c"></a>'],
    ['a comment without end', '<a><!-- </a>']
  ] as const) {
    assert.throws(() => parseXml(xml), malformed, what)
  }
  // an entity that nobody has defined stays as it stands, one that XML defines is read
  assert.equal(text(parseXml('<a>&b;&lt;&amp;lt;</a>'), 'a'), '&b;<&lt;')
  // names that are something in JavaScript are nothing here
  assert.equal(child(parseXml('<a/>'), 'constructor'), undefined)
  assert.equal(text(parseXml(`<a>${'b'.repeat(XML_BOUNDS.maxText + 1)}</a>`), 'a'), undefined)
})

test('a description beyond what a gateway has is MALFORMED', () => {
  const device = (inner: string) => `<root><device>${inner}</device></root>`
  const service = '<service><serviceType>a</serviceType><controlURL>b</controlURL></service>'
  for (const xml of [
    '<root/>',
    'no xml',
    device(`<deviceList>${'<device/>'.repeat(65)}</deviceList>`),
    device(`<serviceList>${service.repeat(257)}</serviceList>`)
  ]) {
    assert.throws(() => decodeDescription(xml), malformed)
  }
  assert.equal(decodeDescription(device(`<serviceList>${service}</serviceList>`)).device.services.length, 1)
})

const mapping = {
  NewRemoteHost: '',
  NewExternalPort: 40_001,
  NewProtocol: 'UDP',
  NewInternalPort: 4001,
  NewInternalClient: '192.168.0.10',
  NewEnabled: true,
  NewPortMappingDescription: 'a <b> & "c"\u0000',
  NewLeaseDuration: 3600
}

test('SOAP: the text of a call, arguments in their order', () => {
  assert.equal(
    encodeCall(IPC1, 'AddPortMapping', mapping),
    `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:AddPortMapping xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"><NewRemoteHost></NewRemoteHost><NewExternalPort>40001</NewExternalPort><NewProtocol>UDP</NewProtocol><NewInternalPort>4001</NewInternalPort><NewInternalClient>192.168.0.10</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>a &lt;b&gt; &amp; &quot;c&quot;</NewPortMappingDescription><NewLeaseDuration>3600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>
`
  )
  assert.deepEqual(soapHeaders(IPC1, 'AddPortMapping'), {
    'content-type': 'text/xml; charset="utf-8"',
    soapaction: '"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping"'
  })
})

const samples = {
  string: 'a <b> & "c"',
  boolean: true,
  ui2: 65_535,
  ui4: 4_294_967_295
} as const
const values = (types: object) =>
  Object.fromEntries(Object.entries(types).map(([name, type]) => [name, samples[type as keyof typeof samples]]))

test('SOAP: every action, both ways', () => {
  for (const action of Object.keys(ACTIONS) as ActionName[]) {
    const input = values(ACTIONS[action].in)
    const output = values(ACTIONS[action].out)
    assert.deepEqual(decodeCall(encodeCall(IPC1, action, input as never)), { action, input })
    assert.deepEqual(decodeOutput(action, encodeOutput(IPC1, action, output as never)), { output })
    const header = readSoapAction(soapHeaders(IPC1, action)['soapaction']!)
    assert.deepEqual(header, { serviceType: IPC1, action })
  }
})

test('SOAP: answers as routers write them', () => {
  const soap = (body: string) =>
    `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="x"><SOAP-ENV:Body>${body}</SOAP-ENV:Body></SOAP-ENV:Envelope>`
  assert.deepEqual(
    decodeOutput(
      'GetExternalIPAddress',
      soap(
        '<m:GetExternalIPAddressResponse><NewExternalIPAddress>203.0.113.7</NewExternalIPAddress></m:GetExternalIPAddressResponse>'
      )
    ),
    { output: { NewExternalIPAddress: '203.0.113.7' } }
  )
  assert.deepEqual(decodeOutput('AddPortMapping', soap('<u:AddPortMappingResponse/>')), { output: {} })
  const fault = encodeFault({ code: 718, description: 'ConflictInMappingEntry' })
  assert.deepEqual(decodeOutput('AddPortMapping', fault), {
    fault: { code: 718, description: 'ConflictInMappingEntry' }
  })
  assert.deepEqual(decodeOutput('AddPortMapping', soap('<s:Fault><faultstring>broken</faultstring></s:Fault>')), {
    fault: { description: 'broken' }
  })
  for (const body of [
    '',
    '<u:DeletePortMappingResponse/>',
    '<u:AddAnyPortMappingResponse/>',
    '<u:AddAnyPortMappingResponse><NewReservedPort>70000</NewReservedPort></u:AddAnyPortMappingResponse>',
    '<u:AddAnyPortMappingResponse><NewReservedPort>-1</NewReservedPort></u:AddAnyPortMappingResponse>'
  ]) {
    assert.throws(() => decodeOutput('AddAnyPortMapping', soap(body)), malformed, body)
  }
})

test('types of services, and names of errors', () => {
  assert.deepEqual(serviceKind('urn:schemas-upnp-org:service:WANIPConnection:2'), {
    kind: 'WANIPConnection',
    version: 2
  })
  assert.equal(serviceKind('urn:schemas-upnp-org:service:Layer3Forwarding:1'), undefined)
  assert.equal(upnpError(718, 'connection'), 'ConflictInMappingEntry')
  assert.equal(upnpError(704, 'connection'), undefined)
  assert.equal(upnpError(704, 'firewall'), 'NoSuchEntry')
  assert.equal(upnpError(606, 'firewall'), 'ActionNotAuthorized')
})

const decoded = (decode: (value: string) => unknown) => (bytes: Uint8Array) => decode(new TextDecoder().decode(bytes))

test('no bytes throw anything but MALFORMED: SSDP', () => {
  fuzzCodec({ decode: decodeSsdp, samples: ssdp.map(([, wire]) => utf8(wire)), runs: 100_000, seed: 1 })
})

test('no bytes throw anything but MALFORMED: descriptions', () => {
  fuzzCodec({ decode: decoded(decodeDescription), samples: [utf8(DESCRIPTION)], runs: 100_000, seed: 2 })
})

test('no bytes throw anything but MALFORMED: SOAP calls', () => {
  const call = utf8(encodeCall(IPC1, 'AddPortMapping', mapping))
  fuzzCodec({ decode: decoded(decodeCall), samples: [call], runs: 100_000, seed: 3 })
})

test('no bytes throw anything but MALFORMED: SOAP answers', () => {
  const answer = utf8(encodeOutput(IPC1, 'AddAnyPortMapping', { NewReservedPort: 40_001 }))
  const fault = utf8(encodeFault({ code: 718, description: 'ConflictInMappingEntry' }))
  const decodeAnswer = decoded(xml => decodeOutput('AddAnyPortMapping', xml))
  fuzzCodec({ decode: decodeAnswer, samples: [answer, fault], runs: 100_000, seed: 4 })
})
