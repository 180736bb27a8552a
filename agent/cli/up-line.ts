import type { AgentRecord, Home } from '../home/index.ts'
import type { AgentSettings } from './agent-settings.ts'
import { formatBytes, formatCount } from './quantity.ts'

/** What `shoal up --json` prints, in one line. */
export interface UpLine {
  meshId: string
  peerId: string
  pid: number
  socket: string
  listen: string[]
  home: string
  ticket: string | null
}

/** The line of a running agent. `ticket`: null where this peer may issue none. */
export function upLine(
  home: Home,
  { meshId, peerId, pid, socket, listen }: AgentRecord,
  ticket: string | null,
): UpLine {
  return { meshId, peerId, pid, socket, listen: listen ?? [], home: home.dir, ticket }
}

/** What a person reads when the agent is ready. */
export function readyText(
  line: UpLine,
  { resources, objectStoreBytes, labels }: AgentSettings,
  ending: string,
): string {
  const { cpus, gpus, memoryBytes, ...custom } = resources
  const offers = [
    `${formatCount(cpus)} CPU${cpus === 1 ? '' : 's'}`,
    ...(gpus > 0 ? [`${formatCount(gpus)} GPU${gpus === 1 ? '' : 's'}`] : []),
    `${formatBytes(memoryBytes)} of memory (${formatBytes(objectStoreBytes)} for objects)`,
    ...Object.entries(custom).map(([name, amount]) => `${formatCount(amount)} ${name}`),
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  ]
  return [
    'The agent is ready.',
    ...identityLines(line),
    `  offers  ${offers.join(', ')}`,
    '',
    ...joinLines(line),
    'Programs that import shoal use it now: node program.ts, or shoal run program.ts for a progress line.',
    `shoal status shows what it does, shoal logs -f what it says. ${ending}`,
  ].join('\n')
}

/** What a person reads where the agent runs already. */
export function runningText(line: UpLine): string {
  return [
    `The agent of ${line.home} runs already (pid ${line.pid}).`,
    ...identityLines(line),
    '',
    'To start it with other options: shoal down, then shoal up.',
  ].join('\n')
}

function identityLines(line: UpLine): string[] {
  const listen = line.listen.length > 0 ? [`  listens ${line.listen.join(', ')}`] : []
  return [`  peer    ${line.peerId}`, `  mesh    ${line.meshId}`, `  socket  ${line.socket}`, ...listen]
}

/** How another machine becomes a peer of this mesh. */
function joinLines({ ticket }: UpLine): string[] {
  if (ticket === null) return []
  return ['On another machine, within 15 minutes, once (shoal ticket makes more):', `  shoal join ${ticket}`, '']
}
