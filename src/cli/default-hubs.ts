import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import envPaths from 'env-paths'
import { NatError } from '../core/errors.ts'

/** Hubs that every command uses when none is named: an address a line, `#` begins a comment. */
function hubsFile(): string {
  return join(envPaths('beeline', { suffix: '' }).config, 'hubs')
}

/**
 * The hubs to use where none was named: those of the variable BEELINE_HUB, with commas, else those of the file.
 *
 * @returns none, where there are none
 * @throws NatError BAD_OPTION when there is a file that cannot be read
 */
export async function defaultHubs(
  environment: NodeJS.ProcessEnv = process.env,
  file: string = hubsFile()
): Promise<string[]> {
  const named = trimmed((environment['BEELINE_HUB'] ?? '').split(','))
  if (named.length > 0) return named
  try {
    const text = await readFile(file, 'utf8')
    return trimmed(text.split('\n').map(line => line.replace(/#.*/, '')))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new NatError('BAD_OPTION', `the file with the hubs, ${file}, cannot be read (${code})`, { cause })
  }
}

/** What to do where no hub is named anywhere. */
export function noHub(): NatError {
  return new NatError(
    'NO_HUB',
    `no hub was named: give its address (\`beeline hub\` prints it) with --hub, in the variable BEELINE_HUB, or in the file ${hubsFile()}, one a line`
  )
}

function trimmed(texts: readonly string[]): string[] {
  return texts.map(text => text.trim()).filter(text => text !== '')
}
