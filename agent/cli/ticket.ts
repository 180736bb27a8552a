import { meshLimits } from '../../mesh/index.ts'
import { withAgent } from './agent-connection.ts'
import type { Command } from './command.ts'
import { usageError } from './failure.ts'
import { parseDuration } from './quantity.ts'

export const ticket: Command = {
  name: 'ticket',
  summary: 'makes a ticket: whoever has it may join the mesh with it',
  usage: '[options]',
  about: [
    'Makes a ticket for `shoal join` on another machine, or for init({ address: ticket }) in a program. It is redeemed at',
    "this machine's agent, which has to run then. A ticket is a secret: a member runs code on every peer.",
  ].join('\n'),
  options: {
    uses: { value: 'N', help: `how many may join with it, from 1 to ${meshLimits.ticketUsesMax} (default: 1)` },
    ttl: { value: 'TIME', help: 'how long it is good: 90s, 15m, 2h, 7d (default: 15m)' },
    role: {
      value: 'ROLE',
      help: 'peer: offers its resources to all; driver: only uses those of others (default: peer)',
    },
  },
  json: '{ ticket, uses, expiresAt, role }',
  examples: [
    ['shoal ticket', 'for one more machine'],
    ['shoal ticket --uses 50 --ttl 2h', 'for a rack of them'],
    ['shoal ticket --role driver', 'for a laptop that only submits work'],
  ],
  async run(args, terminal) {
    const uses = args.value('uses')
    const ttl = args.value('ttl')
    const role = args.value('role') ?? 'peer'
    const count = uses === undefined ? 1 : Number(uses)
    if (
      !Number.isInteger(count) ||
      count < 1 ||
      count > meshLimits.ticketUsesMax ||
      (uses !== undefined && !/^\d+$/.test(uses))
    )
      throw usageError(`--uses "${uses}": a whole number from 1 to ${meshLimits.ticketUsesMax}`)
    const ttlMs = ttl === undefined ? meshLimits.ticketTtlMs : parseDuration(ttl)
    if (ttlMs === undefined || ttlMs < 1 || ttlMs > meshLimits.ticketTtlMaxMs)
      throw usageError(`--ttl "${ttl}": a time such as 90s, 15m, 2h or 7d, at most 30d`)
    if (role !== 'peer' && role !== 'driver') throw usageError(`--role "${role}": peer or driver`)
    const made = await withAgent(agent =>
      agent.call<{ ticket: string; expiresAt: number }>('ticket', { uses: count, ttlMs, role }),
    )
    if (terminal.json) terminal.printJson({ ticket: made.ticket, uses: count, expiresAt: made.expiresAt, role })
    else {
      terminal.print(made.ticket)
      const what = role === 'peer' ? 'shoal join TICKET' : 'init({ address: TICKET }), or SHOAL_ADDRESS=TICKET'
      terminal.note(
        `Good for ${count === 1 ? 'one' : count}, until ${new Date(made.expiresAt).toLocaleString()}, with: ${what}`,
      )
    }
    return 0
  },
}
