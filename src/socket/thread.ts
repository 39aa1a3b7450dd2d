import { Worker } from 'node:worker_threads'
import { NatError } from '../core/errors.ts'
import { loadKoffi } from './koffi.ts'
import { type Heard, newHeard } from './mailbox.ts'
import type { PlaneEvent, PlaneKind } from './plane.ts'
import { WakeFd } from './wake-fd.ts'

/** A data plane that runs, in its thread. */
export interface PlaneThread {
  readonly kind: PlaneKind
  readonly worker: Worker
  /** How to wake the thread; undefined where it runs an event loop and needs no waking. */
  readonly wakeFd: WakeFd | undefined
  /** Where it looks how much has been heard of what it told. */
  readonly heard: Heard
  /** Why it is not the fast one. */
  readonly fallbackReason: string | undefined
}

/** The extension of our own sources: `.ts` in a checkout, `.js` when built. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const START_TIMEOUT_MS = 10_000
/**
 * What a packet leaves behind is garbage at once. V8 would let it grow to 70 MB under a flood before it looks; with so
 * much, the CPU time per gigabyte is the same.
 */
const YOUNG_MEGABYTES = 8

/** Which data plane this machine should run, and why not the fast one. */
export function planeOf(
  platform: string = process.platform,
  arch: string = process.arch
): { kind: PlaneKind; reason?: string } {
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    return { kind: 'portable', reason: `the FFI data plane is for Linux on x64 and arm64, this is ${platform}-${arch}` }
  }
  const loaded = loadKoffi()
  return 'reason' in loaded ? { kind: 'portable', reason: loaded.reason } : { kind: 'ffi' }
}

/**
 * Starts the data plane of that kind; without one, the fast one where it passes its self-test, else the portable one.
 *
 * @throws NatError NO_NETWORK
 */
export async function startThread(kind?: PlaneKind): Promise<PlaneThread> {
  if (kind != null) return await start(kind, undefined)
  const wanted = planeOf()
  if (wanted.kind === 'portable') return await start('portable', wanted.reason)
  try {
    return await start('ffi', undefined)
  } catch (error) {
    return await start('portable', (error as Error).message)
  }
}

async function start(kind: PlaneKind, fallbackReason: string | undefined): Promise<PlaneThread> {
  const heard = newHeard()
  const worker = new Worker(new URL(`./${kind}/worker${EXTENSION}`, import.meta.url), {
    execArgv: [],
    workerData: { heard },
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES }
  })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  const timer = setTimeout(() => reject(new Error('its thread did not answer')), START_TIMEOUT_MS)
  const onExit = () => reject(new Error('its thread ended'))
  worker.once('message', (message: PlaneEvent) => resolve(message.event === 'ready' ? message.wakeFd : null))
  worker.once('exit', onExit)
  // stays until somebody else listens: an error that nobody hears would end the program
  worker.on('error', reject)
  try {
    const fd = await promise
    worker.off('error', reject)
    return { kind, worker, wakeFd: fd == null ? undefined : new WakeFd(fd), heard, fallbackReason }
  } catch (cause) {
    void worker.terminate()
    throw new NatError('NO_NETWORK', `the ${kind} data plane does not start: ${(cause as Error).message}`, { cause })
  } finally {
    worker.off('exit', onExit)
    clearTimeout(timer)
  }
}
