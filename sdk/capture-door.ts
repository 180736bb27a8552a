import { createRequire } from 'node:module'
import { workerBridge } from '../wire/bridge.ts'

type Capture = typeof import('./capture/index.ts')

let loaded: Capture | undefined

/**
 * Capture with its parser, loaded when it is first needed: most worker threads capture nothing, and start in half the time.
 * Synchronous, as `.remote()` is.
 */
export function captureModule(): Capture {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  loaded ??= createRequire(import.meta.url)(`./capture/index.${extension}`) as Capture
  return loaded
}

// A driver will need it, and has time now.
if (!workerBridge()) captureModule()
