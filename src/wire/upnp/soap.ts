import { NatError } from '../../core/errors.ts'
import {
  ACTIONS,
  type ActionInput,
  type ActionName,
  type ActionOutput,
  type ArgumentType,
  isAction
} from './actions.ts'
import { child, element, parseXml, text, type XmlNode } from './xml.ts'

/** UPnP Device Architecture 2.0 section 3: an action is a SOAP 1.1 request in an HTTP POST. */

/** One of the actions, with what goes with it. */
export type SoapCall = { [A in ActionName]: { readonly action: A; readonly input: ActionInput<A> } }[ActionName]

/** Why an action was not done. No code: a fault that is none of UPnP's. */
export interface SoapFault {
  readonly code?: number
  readonly description: string
}

const ENVELOPE =
  ' xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
const LIMITS = { ui2: 0xffff, ui4: 0xffff_ffff } as const

export function soapHeaders(serviceType: string, action: ActionName): Readonly<Record<string, string>> {
  return { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${serviceType}#${action}"` }
}

/** What a SOAPACTION header calls; undefined when it is none. */
export function readSoapAction(header: string): { readonly serviceType: string; readonly action: string } | undefined {
  const [, serviceType, action] = /^"?([^"#]+)#(\w+)"?$/.exec(header.trim()) ?? []
  return serviceType == null || action == null ? undefined : { serviceType, action }
}

export function encodeCall<A extends ActionName>(serviceType: string, action: A, input: ActionInput<A>): string {
  return envelope(element(`u:${action}`, encodeValues(ACTIONS[action].in, input), ` xmlns:u="${serviceType}"`))
}

/** @throws NatError MALFORMED, also for an action that nobody here calls */
export function decodeCall(xml: string): SoapCall {
  const body = bodyOf(xml)
  const action = Object.keys(body).find(isAction)
  if (action == null) throw new NatError('MALFORMED', 'SOAP that calls no known action')
  return { action, input: decodeValues(ACTIONS[action].in, child(body, action)) } as SoapCall
}

export function encodeOutput<A extends ActionName>(serviceType: string, action: A, output: ActionOutput<A>): string {
  const values = encodeValues(ACTIONS[action].out, output)
  return envelope(element(`u:${action}Response`, values, ` xmlns:u="${serviceType}"`))
}

export function encodeFault({ code, description }: Required<SoapFault>): string {
  const error = element(
    'UPnPError',
    [element('errorCode', `${code}`), element('errorDescription', description)],
    ' xmlns="urn:schemas-upnp-org:control-1-0"'
  )
  return envelope(
    element('s:Fault', [
      element('faultcode', 's:Client'),
      element('faultstring', 'UPnPError'),
      element('detail', [error])
    ])
  )
}

/** @throws NatError MALFORMED when it is neither the answer to that action nor a fault */
export function decodeOutput<A extends ActionName>(
  action: A,
  xml: string
): { readonly output: ActionOutput<A> } | { readonly fault: SoapFault } {
  const body = bodyOf(xml)
  const fault = child(body, 'Fault')
  if (fault != null) return { fault: faultOf(fault) }
  const answer = child(body, `${action}Response`)
  if (answer == null) throw new NatError('MALFORMED', `SOAP that does not answer ${action}`)
  return { output: decodeValues(ACTIONS[action].out, answer) as ActionOutput<A> }
}

function faultOf(fault: XmlNode): SoapFault {
  const error = child(fault, 'detail', 'UPnPError')
  const code = text(error, 'errorCode') ?? ''
  const description = text(error, 'errorDescription') ?? text(fault, 'faultstring') ?? ''
  return { ...(/^\d{1,4}$/.test(code) ? { code: Number(code) } : {}), description }
}

function envelope(content: string): string {
  return `<?xml version="1.0"?>\n${element('s:Envelope', [element('s:Body', [content])], ENVELOPE)}\n`
}

function bodyOf(xml: string): { readonly [name: string]: XmlNode } {
  const body = child(parseXml(xml), 'Envelope', 'Body')
  if (body == null || typeof body === 'string' || Array.isArray(body)) throw new NatError('MALFORMED', 'not SOAP')
  return body
}

function encodeValues(types: Readonly<Record<string, ArgumentType>>, input: object): string[] {
  const values: Readonly<Record<string, string | number | boolean>> = { ...input }
  return Object.entries(types).map(([name, type]) => {
    const value = values[name]!
    return element(name, type === 'boolean' ? (value === true ? '1' : '0') : `${value}`)
  })
}

function decodeValues(
  types: Readonly<Record<string, ArgumentType>>,
  node: XmlNode | undefined
): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => {
      const value = text(node, name)
      if (value == null) throw new NatError('MALFORMED', `SOAP without ${name}`)
      return [name, decodeValue(name, type, value)]
    })
  )
}

function decodeValue(name: string, type: ArgumentType, value: string): string | number | boolean {
  switch (type) {
    case 'string':
      return value
    case 'boolean':
      if (/^(1|true|yes)$/i.test(value)) return true
      if (/^(0|false|no)$/i.test(value)) return false
      break
    case 'ui2':
    case 'ui4':
      if (/^\d{1,10}$/.test(value) && Number(value) <= LIMITS[type]) return Number(value)
      break
    default:
      return type satisfies never
  }
  throw new NatError('MALFORMED', `SOAP whose ${name} is no ${type}`)
}
