import type { DrainOptions, TicketOptions, WaitForNeed, WaitForOptions } from '../types.ts'
import { isPlainObject, readOptions } from './objects.ts'
import { resourceName } from './placement.ts'
import { refuse } from './refuse.ts'
import { abortSignal, amount, integer, name, oneOf, type Rule, waitingMs } from './rules.ts'

const dayMs = 24 * 3_600_000

const ticketRules = {
  uses: integer(1, 100_000),
  ttlMs: integer(1, 30 * dayMs, ' milliseconds'),
  role: oneOf(['peer', 'driver']),
} satisfies Record<keyof TicketOptions, Rule>

/** The options of `mesh.ticket()`. Throws InvalidOptionError, as all of these. */
export function checkTicketOptions(options: unknown): TicketOptions {
  return readOptions({ call: 'ticket', option: 'options' }, ticketRules, options)
}

/** What `drain` is given. */
export function checkDrain(peerId: unknown, options: unknown): DrainOptions {
  name.read(peerId, { call: 'drain', option: 'peerId' })
  return readOptions({ call: 'drain', option: 'options' }, { deadlineMs: waitingMs }, options)
}

const waitForRules = { timeoutMs: waitingMs, signal: abortSignal } satisfies Record<keyof WaitForOptions, Rule>

export function checkWaitForOptions(options: unknown): WaitForOptions {
  return readOptions({ call: 'waitFor', option: 'options' }, waitForRules, options)
}

/** What `mesh.waitFor` waits for: a number of peers, amounts of resources. */
export function checkNeed(need: unknown): WaitForNeed {
  if (!isPlainObject(need))
    return refuse({ call: 'waitFor', option: 'need' }, need, 'an object such as { peers: 3, cpus: 8 }')
  const read: WaitForNeed = {}
  for (const [resource, value] of Object.entries(need)) {
    if (value === undefined) continue
    const place = { call: 'waitFor', option: resource }
    if (resource === 'peers') read.peers = integer(1, 1_000_000).read(value, place) as number
    else {
      if (!['cpus', 'gpus', 'memoryBytes'].includes(resource) && !resourceName.accepts(resource))
        refuse({ call: 'waitFor', option: 'a name in need' }, resource, resourceName.allowed)
      read[resource] = amount.read(value, place) as number
    }
  }
  return read
}
