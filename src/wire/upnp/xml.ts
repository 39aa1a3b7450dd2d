import { XMLParser } from 'fast-xml-parser'
import { NatError } from '../../core/errors.ts'

/** An element: its text, or its children by name without prefix; several of one name are an array. */
export type XmlNode = string | XmlNode[] | { readonly [name: string]: XmlNode }

export const XML_BOUNDS = {
  /** Descriptions of real routers have 3 to 20 kB. Characters. */
  maxLength: 65_536,
  /** An internet gateway's description nests 12 deep: three devices within each other, each with its lists. */
  maxDepth: 32,
  /** A description has some 200 elements, with an opening and a closing tag each. */
  maxTags: 4_096,
  /** Of one element's text. Longer ones are nothing that we look at. */
  maxText: 2_048
} as const

/** Nothing but comments and CDATA begins like this that would not define entities. */
const DECLARATION = /<!(?!--|\[CDATA\[)/

// entities stay as they are, also the predefined ones: text() knows those
const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  processEntities: false,
  removeNSPrefix: true,
  maxNestedTags: XML_BOUNDS.maxDepth
})

/** Reads what a router sent. @throws NatError MALFORMED: no XML, a DOCTYPE in it, or beyond the bounds */
export function parseXml(xml: string): XmlNode {
  if (xml.length > XML_BOUNDS.maxLength) throw new NatError('MALFORMED', `more than ${XML_BOUNDS.maxLength} of XML`)
  if (DECLARATION.test(xml)) throw new NatError('MALFORMED', 'XML with a DOCTYPE, which nothing here needs')
  let tags = 0
  for (let at = xml.indexOf('<'); at !== -1; at = xml.indexOf('<', at + 1)) tags++
  if (tags > XML_BOUNDS.maxTags) throw new NatError('MALFORMED', `more than ${XML_BOUNDS.maxTags} tags of XML`)
  try {
    return parser.parse(xml) as XmlNode
  } catch (cause) {
    throw new NatError('MALFORMED', 'what should be XML is none', { cause })
  }
}

/** The children of that name, in order. */
export function children(node: XmlNode | undefined, name: string): readonly XmlNode[] {
  if (node == null || typeof node === 'string' || Array.isArray(node) || !Object.hasOwn(node, name)) return []
  const child = node[name]!
  return Array.isArray(child) ? child : [child]
}

export function child(node: XmlNode | undefined, ...path: readonly string[]): XmlNode | undefined {
  return path.reduce<XmlNode | undefined>((at, name) => children(at, name)[0], node)
}

/** The text of a child; undefined when there is none, or when it is no text, or too long. */
export function text(node: XmlNode | undefined, name: string): string | undefined {
  const found = child(node, name)
  return typeof found === 'string' && found.length <= XML_BOUNDS.maxText ? unescaped(found.trim()) : undefined
}

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescaped(value: string): string {
  return value.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => PREDEFINED[name]!)
}

/** Characters that XML 1.0 cannot carry at all, or should not: control characters but for white space (section 2.2). */
const UNSPEAKABLE = /(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu

/** An element with text in it, or with elements that were made so. */
export function element(name: string, content: string | readonly string[], attributes = ''): string {
  const inner = typeof content === 'string' ? escaped(content) : content.join('')
  return `<${name}${attributes}>${inner}</${name}>`
}

function escaped(value: string): string {
  return value
    .replace(UNSPEAKABLE, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
