import { type ProcessSpec, record } from '../wire/records.ts'
import { sendText } from '../wire/texts.ts'
import type { Engine } from './client/index.ts'
import { processSpec } from './function-spec.ts'
import { currentSession } from './session.ts'
import type { TaskOptions } from './types.ts'

/** Kinds of processes that were declared before there was a mesh. */
const declared = new Map<string, ProcessSpec>()
/** What the agent of an engine has been told. */
const told = new WeakMap<Engine, Set<string>>()

/** A function was made that will run in processes: the agent starts one meanwhile, so that the first call need not wait for it. */
export function expectProcess(options: TaskOptions): void {
  const spec = processSpec(options)
  if (spec === undefined) return
  const session = currentSession()
  if (session) tell(session.engine, spec)
  else declared.set(JSON.stringify(spec), spec)
}

/** There is a mesh: its agent learns what had been declared. */
export function expectDeclared(engine: Engine): void {
  for (const spec of declared.values()) tell(engine, spec)
}

function tell(engine: Engine, spec: ProcessSpec): void {
  if (engine.closed) return
  let known = told.get(engine)
  if (known === undefined) {
    known = new Set()
    told.set(engine, known)
  }
  const key = JSON.stringify(spec)
  if (known.has(key)) return
  known.add(key)
  sendText(engine.outbox, record.expect, 0, [], spec)
}
