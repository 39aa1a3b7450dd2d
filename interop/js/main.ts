// A peer of this project for the hole-punch matrix: relay, listener or dialer, as the environment says. See docs/interop.md.
import { enable } from '@libp2p/logger'
import { Meeting } from './meeting.ts'
import { runDialer, runListener } from './peer.ts'
import { runRelay } from './relay.ts'
import { readSettings } from './settings.ts'

const settings = readSettings(process.env)
if (settings.debug) enable('libp2p:*,*:trace')
const meeting = await Meeting.open(settings)
try {
  switch (settings.role) {
    case 'relay':
      await runRelay(settings, meeting)
      break
    case 'listener':
      await runListener(settings, meeting)
      break
    case 'dialer':
      await runDialer(settings, meeting)
      meeting.close()
      break
    default:
      settings.role satisfies never
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
}
