import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { HttpRequest, HttpResponse, NetHost } from '../../core/net.ts'
import type { ActionInput, ActionName, ActionOutput } from '../../wire/upnp/actions.ts'
import { decodeOutput, encodeCall, type SoapFault, soapHeaders } from '../../wire/upnp/soap.ts'
import type { Refusal } from '../reason.ts'

/** Small routers take a second to write a rule. */
const REQUEST_MS = 4_000
/** An answer has some 500 bytes. */
const MAX_ANSWER_BYTES = 16_384

/** A service that can be called. */
export interface Control {
  readonly url: string
  readonly serviceType: string
}

export type Called<A extends ActionName> =
  | { readonly output: ActionOutput<A>; readonly localAddress: string }
  | { readonly fault: SoapFault }
  | { readonly refused: Refusal }

/** One HTTP request to a router. @throws the signal's reason, nothing else */
export async function ask(
  host: NetHost,
  request: HttpRequest,
  signal: AbortSignal
): Promise<HttpResponse | { readonly refused: Refusal }> {
  try {
    const what = `${request.method} ${request.url}`
    const answer = await withDeadline(host.clock, REQUEST_MS, what, signal, aborted => host.http(request, aborted))
    if (answer.status < 300 || answer.status >= 400) return answer
    return { refused: { reason: 'malformed', detail: `UPnP: ${request.url} redirects, which is not followed` } }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof NatError)) throw error
    const isSilent = error.code === 'NO_NETWORK' || error.code === 'TIMEOUT'
    return { refused: { reason: isSilent ? 'no-answer' : 'malformed', detail: `UPnP: ${error.message}` } }
  }
}

/** Calls an action. @throws the signal's reason, nothing else */
export async function call<A extends ActionName>(
  host: NetHost,
  { url, serviceType }: Control,
  action: A,
  input: ActionInput<A>,
  signal: AbortSignal
): Promise<Called<A>> {
  const answer = await ask(
    host,
    {
      url,
      method: 'POST',
      headers: soapHeaders(serviceType, action),
      body: encodeCall(serviceType, action, input),
      maxBytes: MAX_ANSWER_BYTES
    },
    signal
  )
  if ('refused' in answer) return answer
  try {
    const result = decodeOutput(action, answer.body)
    return 'fault' in result ? result : { ...result, localAddress: answer.localAddress }
  } catch (error) {
    if (!(error instanceof NatError)) throw error
    const detail = `UPnP: ${action} answered with HTTP ${answer.status}: ${error.message}`
    return { refused: { reason: REFUSING.has(answer.status) ? 'disabled' : 'malformed', detail } }
  }
}

/** HTTP's own ways to say that somebody must log in first. */
const REFUSING: ReadonlySet<number> = new Set([401, 403])
