/** A frame of circuit relay has 4 KiB, and an HTTP server bounds its headers. */
export const MAX_TOKEN_BYTES = 1_024

/** A token goes into an `Authorization: Bearer` header as well (RFC 6750 section 2.1, `b64token`). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** What is wrong with a token that somebody has chosen, without saying the token; undefined: nothing. */
export function tokenProblem(token: unknown): string | undefined {
  if (typeof token !== 'string' || token === '') return 'a token is a text'
  if (token.length > MAX_TOKEN_BYTES) return `a token has ${MAX_TOKEN_BYTES} characters at most`
  if (!TOKEN.test(token)) return 'a token is made of letters, digits and - . _ ~ + /, with = at its end'
  return undefined
}
