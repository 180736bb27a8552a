import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import promises from 'node:timers/promises'
import type { ActorInstance } from './actor.ts'

/** Any function that sets a timer. */
// biome-ignore lint/suspicious/noExplicitAny: as Node declares them
type Sets = (...args: any[]) => NodeJS.Timeout | NodeJS.Immediate

/**
 * Has the timers that actors set noted by their actors, so that they end with them: where several live in one thread nothing else
 * would. `actor` says whose code runs.
 */
export function noteTimers(actor: () => ActorInstance | undefined): void {
  const noting =
    (set: Sets): Sets =>
    (...args) => {
      const timer = set(...args)
      actor()?.remember(timer)
      return timer
    }
  const set = { setTimeout: noting(setTimeout), setInterval: noting(setInterval), setImmediate: noting(setImmediate) }
  for (const [name, wrapped] of Object.entries(set)) {
    const original = (timers as unknown as Record<string, Sets>)[name]
    for (const symbol of Object.getOwnPropertySymbols(original)) {
      Object.defineProperty(wrapped, symbol, {
        configurable: true,
        get: () => (promises as unknown as Record<string, unknown>)[name],
      })
    }
    Object.assign(timers, { [name]: wrapped })
    Object.defineProperty(globalThis, name, { value: wrapped, writable: true, configurable: true, enumerable: true })
  }
  const { setTimeout: sleep, setImmediate: turn, setInterval: beat, scheduler } = promises
  const { wait, yield: pass } = scheduler
  // Its methods belong to all schedulers.
  Object.assign(Object.getPrototypeOf(scheduler), {
    wait: (delay: number, options?: Parameters<typeof wait>[1]) =>
      actor()
        ? settles(resolve => set.setTimeout(resolve, delay, undefined), options)
        : wait.call(scheduler, delay, options),
    yield: () => (actor() ? settles(resolve => set.setImmediate(resolve)) : pass.call(scheduler)),
  })
  Object.assign(promises, {
    setTimeout: (delay?: number, value?: unknown, options?: Parameters<typeof sleep>[2]) =>
      actor() ? settles(resolve => set.setTimeout(resolve, delay, value), options) : sleep(delay, value, options),
    setInterval: (delay?: number, value?: unknown, options?: Parameters<typeof beat>[2]) => {
      const own = actor()
      return own ? beats(own, beat(delay, value, options)) : beat(delay, value, options)
    },
    setImmediate: (value?: unknown, options?: Parameters<typeof turn>[1]) =>
      actor() ? settles(resolve => set.setImmediate(resolve, value), options) : turn(value, options),
  })
  syncBuiltinESMExports()
}

/** A promise of a timer that can be cleared: it settles never then. */
function settles(
  start: (resolve: (value: unknown) => void) => NodeJS.Timeout | NodeJS.Immediate,
  { signal, ref = true }: { signal?: AbortSignal | undefined; ref?: boolean | undefined } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted(signal))
      return
    }
    const timer = start(value => {
      signal?.removeEventListener('abort', stop)
      resolve(value)
    })
    if (!ref) timer.unref()
    function stop(): void {
      clearTimeout(timer as NodeJS.Timeout)
      clearImmediate(timer as NodeJS.Immediate)
      reject(aborted(signal as AbortSignal))
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** What an interval gives to an actor: it ends with that, and what waits for it does not go on then. */
async function* beats<T>(actor: ActorInstance, interval: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const value of interval) {
    if (actor.over) break
    yield value
  }
  if (actor.over) await new Promise(() => undefined)
}

/** The error with which Node rejects. */
function aborted(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}
