/** RFC 5769 section 2, and RFC 8489 appendix B.1. Texts are padded with spaces in some of them, where today zeros are sent. */

const ID = 'b7e7a701bc34d686fa87dfae'
const LONG_TERM_ID = '78ad3433c6ad72c029da412e'
const NAME = 'e3839ee38388e383aae38383e382afe382b9'
const SOFTWARE = '8022000b7465737420766563746f7220'
const REALM = '0014000b6578616d706c652e6f726700'

const bytes = (...parts: string[]) => new Uint8Array(Buffer.from(parts.join(''), 'hex'))

export const SHORT_TERM_PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt'
export const USERNAME = '\u30de\u30c8\u30ea\u30c3\u30af\u30b9'
/** What both profiles, SASLprep and OpaqueString, are said to make of it. */
export const PASSWORD = 'TheMatrIX'

/** Section 2.1. */
export const REQUEST = bytes(
  `000100582112a442${ID}`,
  '802200105354554e207465737420636c69656e74',
  '002400046e0001ff',
  '80290008932ff9b151263b36',
  '000600096576746a3a68367659202020',
  '000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2',
  '80280004e57a3bcf'
)

/** Section 2.2. */
export const IPV4_RESPONSE = bytes(
  `0101003c2112a442${ID}${SOFTWARE}`,
  '002000080001a147e112a643',
  '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7',
  '80280004c07d4c96'
)

/** Section 2.3. */
export const IPV6_RESPONSE = bytes(
  `010100482112a442${ID}${SOFTWARE}`,
  '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
  '00080014a382954e4be67bf11784c97c8292c275bfe3ed41',
  '80280004c8fb0b4c'
)

/** Section 2.4. */
export const LONG_TERM_REQUEST = bytes(
  `000100602112a442${LONG_TERM_ID}`,
  `00060012${NAME}0000`,
  '0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473',
  `41${REALM}`,
  '00080014f67024656dd64a3e02b8e0712e85c9a28ca89666'
)

/** RFC 8489 appendix B.1, with the length that its attributes have and the RFC's text does not. */
export const SHA256_REQUEST = bytes(
  `000100902112a442${LONG_TERM_ID}`,
  '001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704',
  '001500296f624d61744a6f7332414141',
  '43662f2f3439396b39353464364f4c33346f4c394653547679363473',
  `41000000${REALM}`,
  '001d000400020000',
  '001c0020b5c7bf005b6c52a21c51c5e892f819241362',
  '96cb927c43149309278cc6518e65'
)
