import type { Outbox } from '../../wire/outbox.ts'
import { record } from '../../wire/records.ts'
import { sendText, sendWords } from '../../wire/texts.ts'
import { ActorExit, type ActorInstance } from './actor.ts'
import type { Runner } from './runner.ts'
import { currentTask } from './running-task.ts'

/**
 * Makes what user code does to its process the agent's knowledge: console output travels with the records and in their
 * order, `process.exit` says which task called it, and an error that escapes from a timer of a finished task costs nobody
 * their result.
 */
export function guardProcess({ outbox, runner }: { outbox: Outbox; runner: Runner }): void {
  const token = (): number => {
    const task = currentTask.getStore()
    return task && !task.ended ? task.token : -1
  }
  const print = (isError: number, text: string): void => {
    sendText(outbox, record.output, isError, [token()], { text })
    // A long computation's progress is seen while it computes.
    outbox.flush()
  }
  takeOver(process.stdout, text => print(0, text))
  takeOver(process.stderr, text => print(1, text))
  const exit = process.exit
  process.exit = code => {
    const actor = currentTask.getStore()?.actor
    // It is one of several in this thread: the others stay.
    if (actor?.spec.shares) leave(actor, { outbox, exit: true, code: Number(code ?? process.exitCode ?? 0) })
    sendWords(outbox, record.exiting, 0, token(), Number(code ?? process.exitCode ?? 0))
    outbox.flush()
    return exit(code)
  }
  const escaped = (error: unknown): void => {
    if (runner.escaped(error)) return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    sendText(outbox, record.output, 1, [-1], { text: `an error that no task waits for: ${text}\n` })
  }
  process.on('uncaughtException', escaped)
  process.on('unhandledRejection', escaped)
}

/** Ends an actor from inside: the agent is told, and its code comes no further. */
export function leave(
  actor: ActorInstance,
  { outbox, exit, code }: { outbox: Outbox; exit: boolean; code: number },
): never {
  sendWords(outbox, record.left, exit ? 1 : 0, actor.token, code)
  outbox.flush()
  throw new ActorExit('this actor is over')
}

function takeOver(stream: NodeJS.WriteStream, write: (text: string) => void): void {
  stream.write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    write(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    const done = typeof encoding === 'function' ? encoding : callback
    if (typeof done === 'function') queueMicrotask(() => done())
    return true
  }
}
