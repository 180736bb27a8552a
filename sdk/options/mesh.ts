import type { TicketOptions, WaitForNeed, WaitForOptions } from '../types.ts'
import { isPlainObject, readOptions } from './objects.ts'
import { resourceName } from './placement.ts'
import { refuse } from './refuse.ts'
import { abortSignal, amount, integer, oneOf, type Rule, waitingMs } from './rules.ts'

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

const waitForRules = { timeoutMs: waitingMs, signal: abortSignal } satisfies Record<keyof WaitForOptions, Rule>

export function checkWaitForOptions(options: unknown): WaitForOptions {
  return readOptions({ call: 'waitFor', option: 'options' }, waitForRules, options)
}

/** What `mesh.waitFor` waits for: a number of peers, amounts of resources. */
export function checkNeed(need: unknown): WaitForNeed {
  if (!isPlainObject(need))
    return refuse({ call: 'waitFor', option: 'need' }, need, 'an object such as { peers: 3, cpus: 8 }')
  const read: WaitForNeed = {}
  for (const [name, value] of Object.entries(need)) {
    if (value === undefined) continue
    const place = { call: 'waitFor', option: name }
    if (name === 'peers') read.peers = integer(1, 1_000_000).read(value, place) as number
    else {
      if (!['cpus', 'gpus', 'memoryBytes'].includes(name) && !resourceName.accepts(name))
        refuse({ call: 'waitFor', option: 'a name in need' }, name, resourceName.allowed)
      read[name] = amount.read(value, place) as number
    }
  }
  return read
}
