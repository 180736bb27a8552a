import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findAgent, type Home, homeAt } from '../home/index.ts'
import { isSameProcess } from '../process-identity.ts'
import {
  RunOutput,
  type RunPiece,
  type RunRecord,
  type RunRow,
  type RunStream,
  readRunRecords,
  runRow,
} from '../runs/index.ts'
import { type AgentConnection, connectAgent } from './agent-connection.ts'
import { Failure } from './failure.ts'

/** A peer that stands still is asked again after this. */
const retryMs = 200

/** An agent that ends writes down how its runs have ended within this. */
const recordMs = 500

/** One run, as it goes on. */
export interface RunReader {
  row(): Promise<RunRow>
  output(stream: RunStream, from: number): Promise<RunPiece>
  close(): void
}

/**
 * Finds a run: at this home's agent or another peer of its mesh; where no agent runs, or it ends meanwhile, in this home's
 * files. Throws a `Failure` where there is none. A peer that stands still is waited for, until `signal`.
 */
export async function openRun(id: string, signal?: AbortSignal): Promise<RunReader> {
  const home = homeAt()
  const found = await findAgent(home)
  if (found.state !== 'running') return runOfFiles(home, id)
  const agent = await connectAgent(home, found.record)
  try {
    return orFiles(await runOfAgent(agent, id, signal), home, id)
  } catch (error) {
    agent.close()
    throw error
  }
}

/** The row of a run of any peer. Throws a `Failure` where none has it. */
export async function findRun(agent: AgentConnection, id: string): Promise<RunRow> {
  const [row] = await agent.call<RunRow[]>('runs', { id })
  if (!row) throw unknownRun(id)
  return row
}

async function runOfAgent(agent: AgentConnection, id: string, signal?: AbortSignal): Promise<RunReader> {
  const { peerId } = await findRun(agent, id)
  return {
    row: () => rowAt(agent, { peerId, id }, signal),
    async output(stream, from) {
      const question = { peerId, id, stream, from }
      type Piece = { from: number; next: number; bytes: string } | null
      const piece = await askPeer<Piece>(agent, 'run-output', question, signal)
      if (!piece) throw unknownRun(id)
      return { ...piece, bytes: Buffer.from(piece.bytes, 'base64') }
    },
    close: () => agent.close(),
  }
}

/** The row of a run whose peer is known. Throws a `Failure` where that has it no more. */
export async function rowAt(
  agent: AgentConnection,
  question: { peerId: string; id: string },
  signal?: AbortSignal,
): Promise<RunRow> {
  const [row] = await askPeer<RunRow[]>(agent, 'runs', question, signal)
  if (!row) throw unknownRun(question.id)
  return row
}

/** Asks one peer, and again as long as it does not answer and is known to live. */
export async function askPeer<T>(
  agent: AgentConnection,
  method: string,
  question: { peerId: string; id: string },
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await agent.call<T>(method, question)
    } catch (error) {
      const isLate = (error as { code?: unknown }).code === 'SHOAL_CONNECT'
      if (!isLate || signal?.aborted || !(await isMember(agent, question.peerId))) throw error
    }
    await delay(retryMs, undefined, signal ? { signal } : {}).catch(() => undefined)
  }
}

async function isMember(agent: AgentConnection, peerId: string): Promise<boolean> {
  const peers = await agent.call<{ peerId: string; state: string }[]>('peers').catch(() => [])
  return peers.some(peer => peer.peerId === peerId && peer.state !== 'dead' && peer.state !== 'left')
}

/** Goes on with the files where the agent that has this home's run ends. */
function orFiles(reader: RunReader, home: Home, id: string): RunReader {
  let now = reader
  const either = async <T>(ask: (reader: RunReader) => Promise<T>): Promise<T> => {
    try {
      return await ask(now)
    } catch (error) {
      if (now !== reader || !existsSync(join(home.runsDir, id))) throw error
      now = runOfFiles(home, id)
      return await ask(now)
    }
  }
  return {
    row: () => either(one => one.row()),
    output: (stream, from) => either(one => one.output(stream, from)),
    close: () => reader.close(),
  }
}

/** What an agent that has ended has left. */
function runOfFiles(home: Home, id: string): RunReader {
  const folder = join(home.runsDir, id)
  if (!existsSync(folder)) throw unknownRun(id, `; no agent runs for ${home.dir}: type shoal up to ask the others`)
  const output = new RunOutput(folder)
  const read = (): RunRecord => {
    const record = readRunRecords(home.runsDir).find(one => one.id === id)
    if (!record) throw unknownRun(id)
    return record
  }
  return {
    async row() {
      let record = read()
      if (isOver(record)) {
        await delay(recordMs)
        record = read()
      }
      const lost = { state: 'lost' as const, reason: 'its agent was killed, and it has ended since' }
      return { ...runRow(record, ''), ...(isOver(record) ? lost : {}) }
    },
    output: async (stream, from) => output.read(stream, from),
    close: () => undefined,
  }
}

/** Whether it has ended, and nobody has written that down. */
function isOver({ state, pid, processIdentity }: RunRecord): boolean {
  return state === 'running' && !isSameProcess(pid, processIdentity)
}

function unknownRun(id: string, more = ''): Failure {
  return new Failure('SHOAL_RUN', `no run ${id} (the last 100 of a peer are kept; shoal runs lists them)${more}`)
}
