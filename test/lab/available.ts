import { capability } from '../../lab/lab.ts'

const can = await capability({ host: { link: {} } })

/** For `test(name, { skip: NO_LAB }, …)`: the reason why no lab can be made here, or false. */
export const NO_LAB = can.ok ? false : `no lab: ${can.reason} (${can.fix})`
