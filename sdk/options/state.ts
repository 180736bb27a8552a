import type { ActorRow, ObjectRow, RowFilter, TaskRow, WorkerRow } from '../types.ts'
import { readOptions } from './objects.ts'
import { refuse } from './refuse.ts'
import type { Rule, Rules } from './rules.ts'

/** The rows that `mesh.state` lists, by method. */
interface Rows {
  tasks: TaskRow
  actors: ActorRow
  objects: ObjectRow
  workers: WorkerRow
}

const plain: Rule = {
  allowed: 'a text, a number, true or false',
  read(value, place) {
    return ['string', 'number', 'boolean'].includes(typeof value) ? value : refuse(place, value, this.allowed)
  },
}

const rules: { readonly [Kind in keyof Rows]: Readonly<Record<keyof Required<RowFilter<Rows[Kind]>>, Rule>> } = {
  tasks: {
    taskId: plain,
    name: plain,
    kind: plain,
    state: plain,
    reason: plain,
    jobId: plain,
    ownerId: plain,
    peerId: plain,
    actorId: plain,
    attempt: plain,
    submittedAt: plain,
  },
  actors: {
    actorId: plain,
    className: plain,
    name: plain,
    namespace: plain,
    lifetime: plain,
    state: plain,
    reason: plain,
    peerId: plain,
    workerId: plain,
    pid: plain,
    restarts: plain,
    pendingCalls: plain,
    jobId: plain,
  },
  objects: {
    objectId: plain,
    bytes: plain,
    kind: plain,
    ownerId: plain,
    jobId: plain,
    spilled: plain,
    name: plain,
  },
  workers: {
    workerId: plain,
    peerId: plain,
    kind: plain,
    pid: plain,
    state: plain,
    taskId: plain,
    memoryBytes: plain,
  },
}

/** The filter of `mesh.state.tasks()` and its like: fields of the row and the values they must have. Throws InvalidOptionError. */
export function checkRowFilter<Kind extends keyof Rows>(kind: Kind, filter: unknown): RowFilter<Rows[Kind]> {
  const read = readOptions({ call: `state.${kind}`, option: 'options' }, rules[kind] as Rules, filter)
  return read as RowFilter<Rows[Kind]>
}
