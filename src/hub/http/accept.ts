/**
 * Which of the media types that there are a client likes most (RFC 9110 section 12.5.1).
 *
 * @param accept the header; undefined: anything
 * @param types what there is, the usual one first
 * @returns undefined when it wants none of them
 */
export function preferredType<T extends string>(accept: string | undefined, types: readonly T[]): T | undefined {
  if (accept == null || accept.trim() === '') return types[0]
  const ranges = accept.split(',').map(readRange)
  const quality = (type: string) => {
    // what names a type counts before what names a kind of it, and that before what names all
    const fitting = ranges
      .filter(({ range }) => covers(range, type))
      .sort((a, b) => exactness(b.range) - exactness(a.range))
    return fitting[0]?.quality ?? 0
  }
  const liked = types.map(type => ({ type, quality: quality(type) })).filter(each => each.quality > 0)
  return liked.sort((a, b) => b.quality - a.quality)[0]?.type
}

function readRange(text: string): { range: string; quality: number } {
  const [range = '', ...parameters] = text.split(';').map(part => part.trim().toLowerCase())
  const q = parameters.find(each => each.startsWith('q='))?.slice(2)
  const quality = q == null ? 1 : Number(q)
  return { range, quality: quality >= 0 && quality <= 1 ? quality : 0 }
}

function covers(range: string, type: string): boolean {
  return range === '*/*' || range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))
}

function exactness(range: string): number {
  return range === '*/*' ? 0 : range.endsWith('/*') ? 1 : 2
}
