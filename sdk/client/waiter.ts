import type { RefData } from './ref-data.ts'

/** Somebody who waits for refs. One object serves any number of them. */
export interface Waiter {
  /** A ref is ready, or has failed. */
  notify(ref: RefData): void
}

/** Adds a waiter to what a ref has: none, one, or a list. */
export function addWaiter(ref: RefData, waiter: Waiter): void {
  const { waiters } = ref
  if (waiters === undefined) ref.waiters = waiter
  else if (Array.isArray(waiters)) waiters.push(waiter)
  else ref.waiters = [waiters, waiter]
}

export function removeWaiter(ref: RefData, waiter: Waiter): void {
  const { waiters } = ref
  if (waiters === waiter) ref.waiters = undefined
  else if (Array.isArray(waiters)) {
    const at = waiters.indexOf(waiter)
    if (at >= 0) waiters.splice(at, 1)
  }
}

/** Tells everybody who waits for a ref. */
export function notifyWaiters(ref: RefData): void {
  const { waiters } = ref
  if (waiters === undefined) return
  ref.waiters = undefined
  if (!Array.isArray(waiters)) waiters.notify(ref)
  else for (const waiter of waiters) waiter.notify(ref)
}
