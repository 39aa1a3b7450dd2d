import * as chai from 'chai'
import chaiAsPromised from 'chai-as-promised'
import chaiBites from 'chai-bites'

chai.use(chaiAsPromised)
chai.use(chaiBites)

// The suite calls these, where plain chai has properties.
chai.use(({ Assertion }) => {
  for (const name of ['empty', 'rejected', 'true', 'false']) {
    const { get } = Object.getOwnPropertyDescriptor(Assertion.prototype, name)
    Object.defineProperty(Assertion.prototype, name, {
      configurable: true,
      get() {
        return () => get.call(this)
      }
    })
  }
})

export const expect = chai.expect
export const assert = chai.assert
