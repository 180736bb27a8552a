import { createRequire } from 'node:module'

type Capture = typeof import('./capture/index.ts')

let loaded: Capture | undefined

export function provideCapture(capture: Capture): void {
  loaded = capture
}

/**
 * Capture with its parser. In a worker it is loaded when it is first needed: most worker threads capture nothing, and start
 * in half the time. Synchronous, as `.remote()` is.
 */
export function captureModule(): Capture {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  loaded ??= createRequire(import.meta.url)(`./capture/index.${extension}`) as Capture
  return loaded
}
