/** Shoal: Ray's programming model for TypeScript, with no head node. */
import * as capture from './capture/index.ts'
import { provideCapture } from './capture-door.ts'

// A driver captures functions sooner or later; the threads in which tasks run see `public.ts`, and load it when they need it.
provideCapture(capture)

export * from './public.ts'
