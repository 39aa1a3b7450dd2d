/** Which methods there are at a path, so that a wrong one is told the right ones (RFC 9110 section 15.5.6). */
export class PathMethods {
  readonly #paths = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()

  /** @param path of a route, with `:name` for what varies */
  add(path: string, methods: string | readonly string[]): void {
    const known = this.#paths.get(path) ?? { pattern: patternOf(path), methods: new Set(['OPTIONS']) }
    for (const method of [methods].flat()) known.methods.add(method)
    this.#paths.set(path, known)
  }

  /** @returns undefined when there is no such path */
  of(path: string): readonly string[] | undefined {
    const known = [...this.#paths.values()].find(({ pattern }) => pattern.test(path))
    return known == null ? undefined : [...known.methods].sort()
  }
}

function patternOf(path: string): RegExp {
  const parts = path.split('/').map(part => (part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.')))
  return new RegExp(`^${parts.join('/')}$`)
}
