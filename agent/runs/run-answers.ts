import type { RunStream } from './run-output.ts'
import type { RunRecord } from './run-records.ts'
import type { RunRequest, Runs } from './runs.ts'

/** A run as the agent that has it tells of it. */
export type RunRow = Omit<RunRecord, 'processIdentity'> & { readonly peerId: string }

export function runRow({ processIdentity: _, ...record }: RunRecord, peerId: string): RunRow {
  return { ...record, peerId }
}

type Answers = Record<string, (params: unknown) => unknown>

/** What the agent answers about runs: of its own ones to whoever asks; only its own command line has it start one. */
export function answersOfRuns(
  runs: Runs,
  { peerId, socket }: { peerId: string; socket: string },
): { anywhere: Answers; here: Record<string, (params: unknown) => Promise<unknown>> } {
  const row = (record: RunRecord): RunRow => runRow(record, peerId)
  return {
    anywhere: {
      runs: params => {
        const { id } = (params ?? {}) as { id?: string }
        if (id !== undefined) runs.asked(id)
        const records = runs.list().filter(record => id === undefined || record.id === id)
        return records.map(row)
      },
      'run-output': params => {
        const { id, stream, from } = params as { id: string; stream: RunStream; from: number }
        runs.asked(id)
        const piece = runs.output(id, stream, from)
        return piece ? { ...piece, bytes: piece.bytes.toString('base64') } : null
      },
      'run-stop': params => {
        const record = runs.stop((params as { id: string }).id)
        return record ? row(record) : null
      },
    },
    here: { 'run-start': async params => row(await runs.start(params as RunRequest, socket)) },
  }
}
