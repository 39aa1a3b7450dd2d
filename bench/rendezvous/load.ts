/** Does all of them as fast as they are answered, at most so many at once. @returns how many seconds it took */
export async function drain<T>(
  items: readonly T[],
  window: number,
  operation: (item: T, i: number) => Promise<void>
): Promise<number> {
  let next = 0
  const startMs = performance.now()
  await Promise.all(
    Array.from({ length: window }, async () => {
      while (next < items.length) {
        const i = next++
        await operation(items[i]!, i)
      }
    })
  )
  return (performance.now() - startMs) / 1_000
}

/** Begins so many of them a second, whether those before are done or not. @returns how many milliseconds each took */
export async function paced<T>(
  items: readonly T[],
  perSecond: number,
  operation: (item: T, i: number) => Promise<void>
): Promise<number[]> {
  const startMs = performance.now()
  const taken: Promise<number>[] = []
  const measured = async (i: number) => {
    const sentMs = performance.now()
    await operation(items[i]!, i)
    return performance.now() - sentMs
  }
  const one = (i: number) => {
    const taking = measured(i)
    // of one that fails before all have begun is told in the end
    taking.catch(() => {})
    return taking
  }
  while (taken.length < items.length) {
    const due = Math.min(items.length, Math.ceil(((performance.now() - startMs) / 1_000) * perSecond))
    while (taken.length < due) taken.push(one(taken.length))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  return await Promise.all(taken)
}
