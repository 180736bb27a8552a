import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ProcessSpec } from '../../wire/records.ts'
import type { WorkerIdentity } from './data.ts'

/** Tasks that may be at one worker at a time, begun or not. */
export const CLAIMS = 1 << 16
/** Claims that are none: 1 in the last freezes the thread; the other is the token of the call that holds it, or -1. */
export const FREEZE = CLAIMS - 1
export const INSIDE = CLAIMS - 2

/** The pipes of a worker process: from its agent, to it, and one that says by its end that the agent is gone. */
export const pipes = { in: 3, out: 4, life: 5 } as const

/** The variable in which a process finds who it is. User code does not see it. */
export const identityVariable = 'SHOAL_WORKER'

/** A variable that names the process for all that it starts: by this is found what has left its group. */
const markVariable = 'SHOAL_PROCESS'

/** What stands in the environment of a worker process, and of what it has started, and of nothing else. */
export function markOf({ peerId, incarnation, client }: WorkerIdentity): string {
  return `${markVariable}=${peerId}-${incarnation.toString(36)}-${client.toString(36)}`
}

/** What Node sets for children that talk to it: these do not. */
const forNobody = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE']

const MEBIBYTE = 1 << 20
/** The least that V8's heap is given: below it Node does not start. */
const HEAP_MIB_MIN = 16

/**
 * Starts a worker process, in a group of its own: it gets no Ctrl-C of a terminal, and is ended together with what it has
 * started. Records for it may be written at once.
 * @throws what `spawn` throws, for an environment that no process can have
 */
export function startProcess(identity: WorkerIdentity, { env, memoryBytes }: ProcessSpec): ChildProcess {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`./process.${extension}`, import.meta.url))
  const heap = memoryBytes > 0 ? [`--max-old-space-size=${heapMiB(memoryBytes)}`] : []
  const all: NodeJS.ProcessEnv = { ...process.env, ...env, [identityVariable]: JSON.stringify(identity) }
  all[markVariable] = markOf(identity).slice(markVariable.length + 1)
  for (const name of forNobody) delete all[name]
  return spawn(process.execPath, [...heap, entry], {
    env: all,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
}

/** V8's heap may have as much as the process: then the heap's end is the limit's, and not an earlier one of V8's. */
function heapMiB(memoryBytes: number): number {
  return Math.max(Math.ceil(memoryBytes / MEBIBYTE), HEAP_MIB_MIN)
}
