import { rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { basename, dirname } from 'node:path'
import { isSameProcess } from '../process-identity.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { Home } from './home.ts'
import { HomeError, onFile } from './home-error.ts'

/** What the running agent of a home says of itself in `agent.json`. */
export interface AgentRecord {
  readonly pid: number
  /** Tells this process from a later one of the same pid. */
  readonly processIdentity: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly incarnation: number
  readonly meshId: string
  readonly peerId: string
  readonly socket: string
  readonly version: string
  /** Where the mesh listens, UDP and TCP: `ip:port`. */
  readonly listen: string[]
}

/** Whether a home's agent runs: `stuck` has a living process whose socket nobody answers. */
export type AgentState =
  | { readonly state: 'none' }
  | { readonly state: 'running' | 'stuck' | 'dead'; readonly record: AgentRecord }

/** Looks at a home's record and tries its socket: a record that a killed agent left behind is `dead`. */
export async function findAgent(home: Home): Promise<AgentState> {
  const record = readAgentRecord(home)
  if (!record) return { state: 'none' }
  if (await accepts(record.socket)) return { state: 'running', record }
  return { state: isSameProcess(record.pid, record.processIdentity) ? 'stuck' : 'dead', record }
}

/** The record as it stands in the file, whether or not that agent lives. Throws `HomeError` where it is damaged. */
export function readAgentRecord(home: Home): AgentRecord | undefined {
  const text = readIfThere(home.agentFile)
  if (text === undefined) return undefined
  try {
    const record = JSON.parse(text) as AgentRecord
    if (
      Number.isInteger(record.pid) &&
      typeof record.processIdentity === 'string' &&
      typeof record.socket === 'string'
    ) {
      return record
    }
  } catch {
    // Not JSON: the same as JSON of another shape.
  }
  throw new HomeError(
    home.agentFile,
    'is damaged: type shoal down to stop the agent, if one runs, and to remove this file',
  )
}

export function writeAgentRecord(home: Home, record: AgentRecord): void {
  writeDurably(home.agentFile, `${JSON.stringify(record, undefined, 2)}\n`)
}

/** Removes the record of an agent that has ended, its socket, and the socket's folder where that was made for it. */
export function removeAgentTraces(home: Home, socket: string | undefined): void {
  if (socket !== undefined) {
    onFile(socket, () => rmSync(socket, { force: true }))
    const folder = dirname(socket)
    if (basename(folder).startsWith(socketFolderPrefix)) rmSync(folder, { recursive: true, force: true })
  }
  rmSync(home.agentFile, { force: true })
}

/** The name of a folder in the temporary folder that holds the socket of a home with a long path starts so. */
export const socketFolderPrefix = 'shoal-socket-'

const connectTimeoutMs = 2_000

function accepts(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const connection = createConnection(socket)
    const done = (answer: boolean) => {
      connection.destroy()
      resolve(answer)
    }
    connection.setTimeout(connectTimeoutMs, () => done(false))
    connection.once('connect', () => done(true))
    connection.once('error', () => done(false))
  })
}
