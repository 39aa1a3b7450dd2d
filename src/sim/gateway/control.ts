import { NatError } from '../../core/errors.ts'
import type { ActionName, ActionOutput } from '../../wire/upnp/actions.ts'
import { encodeDescription, type UpnpDescription } from '../../wire/upnp/description.ts'
import { upnpError } from '../../wire/upnp/errors.ts'
import { type ServiceKind, serviceKind } from '../../wire/upnp/services.ts'
import { decodeCall, encodeFault, encodeOutput, readSoapAction, type SoapCall } from '../../wire/upnp/soap.ts'
import type { ServedAnswer, ServedRequest } from '../http/server.ts'
import { callConnection } from './connection-service.ts'
import { CONTROL_PATHS, DESCRIPTION_PATH } from './description.ts'
import type { Pinholes } from './firewall-service.ts'
import type { Service } from './service.ts'

const XML = { 'content-type': 'text/xml; charset="utf-8"' }
const KINDS: Readonly<Record<string, ServiceKind>> = {
  [CONTROL_PATHS.connection]: 'WANIPConnection',
  [CONTROL_PATHS.firewall]: 'WANIPv6FirewallControl'
}

export interface Igd {
  readonly service: Service
  readonly version: 1 | 2
  readonly description: UpnpDescription
  readonly pinholes: Pinholes
}

/** A gateway's web server: its description, and the actions of its services. */
export function answerHttp(igd: Igd, { method, target, headers, body, from }: ServedRequest): ServedAnswer {
  if (method === 'GET' && target === DESCRIPTION_PATH) {
    return { status: 200, headers: XML, body: encodeDescription(igd.description) }
  }
  const kind = KINDS[target]
  if (method !== 'POST' || !kind) return { status: 404 }
  const asked = readSoapAction(headers['soapaction'] ?? '')
  const type = asked && serviceKind(asked.serviceType)
  if (!asked || type?.kind !== kind || type.version > igd.version) return fault(401, kind)
  let call: SoapCall
  try {
    call = decodeCall(body)
  } catch (error) {
    if (error instanceof NatError) return fault(402, kind)
    throw error
  }
  const refusal = igd.service.faults.refusal?.upnp
  if (refusal != null && /^(Add|Delete|Update)/.test(call.action)) return fault(refusal, kind)
  const outcome =
    kind === 'WANIPConnection'
      ? callConnection(igd.service, type.version === 1 ? 1 : 2, call, from)
      : igd.pinholes.call(igd.service, call, from)
  if (typeof outcome === 'number') return fault(outcome, kind)
  const output = encodeOutput(asked.serviceType, call.action, outcome as unknown as ActionOutput<ActionName>)
  return { status: 200, headers: XML, body: output }
}

function fault(code: number, kind: ServiceKind): ServedAnswer {
  const description = upnpError(code, kind === 'WANIPv6FirewallControl' ? 'firewall' : 'connection') ?? 'Error'
  return { status: 500, headers: XML, body: encodeFault({ code, description }) }
}
