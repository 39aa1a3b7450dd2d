/**
 * What of a peer's addresses a client has asked for (IPIP-0484).
 *
 * @param filter `filter-addrs`: names of protocols with commas, those with `!` before them not
 * @returns undefined when the peer is to be left out
 */
export function filteredAddresses(
  addresses: readonly string[],
  filter: string | undefined
): readonly string[] | undefined {
  const wanted = names(filter)
  if (wanted.length === 0) return addresses
  if (addresses.length === 0) return wanted.includes('unknown') ? addresses : undefined
  const never = wanted.filter(each => each.startsWith('!')).map(each => each.slice(1))
  const some = wanted.filter(each => !each.startsWith('!'))
  const passing = addresses.filter(address => {
    const protocols = address.toLowerCase().split('/')
    if (never.some(each => protocols.includes(each))) return false
    return some.length === 0 || some.some(each => protocols.includes(each))
  })
  return passing.length === 0 ? undefined : passing
}

/** Whether a peer whose transfer protocols nobody knows is asked for. @param filter `filter-protocols` */
export function takesUnknownProtocols(filter: string | undefined): boolean {
  const wanted = names(filter)
  return wanted.length === 0 || wanted.includes('unknown')
}

function names(filter: string | undefined): string[] {
  return (filter ?? '')
    .toLowerCase()
    .split(',')
    .map(each => each.trim())
    .filter(each => each !== '')
}
