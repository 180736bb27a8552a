import { readTicket } from '../../mesh/admission/index.ts'
import { agentOptions } from './agent-settings.ts'
import type { Command } from './command.ts'
import { startAgent } from './up.ts'

export const join: Command = {
  name: 'join',
  summary: "starts this machine's agent as a peer of the mesh that a ticket is from",
  usage: 'TICKET [options]',
  about: [
    "Redeems a ticket (`shoal ticket` on any peer makes one) and starts this machine's agent as a peer of that mesh: its",
    "CPUs are everybody's from then on. Later `shoal up` is enough: it finds the mesh again, whichever peers are left.",
    'A member runs code on every peer, as the user of its agent: join only meshes of people that you trust.',
  ].join('\n'),
  options: {
    ...agentOptions,
    detach: { help: 'go on in the background, and return when the agent is ready' },
  },
  positionals: { name: 'ticket', max: 1, required: true, what: 'a ticket (shoal ticket makes one)' },
  json: '{ meshId, peerId, pid, socket, listen, home, ticket }, one line, when the agent is ready',
  examples: [
    ['shoal join shoal1…', 'as a peer, with all CPUs, in this terminal'],
    ['shoal join shoal1… --detach --cpus 4', 'in the background, with a part of the machine'],
  ],
  async run(args, terminal) {
    const [ticket] = args.positionals
    // A ticket is a secret, and a process list is for all to read.
    process.title = 'shoal join'
    // A text that is no ticket needs no agent to be refused.
    readTicket(ticket)
    return await startAgent(args, terminal, ticket)
  },
}
