import type { Figure } from '../figure.ts'
import type { FigureName } from '../names.ts'
import { actors, calls, oneCall } from './actors.ts'
import { getSmall, putLarge, putSmall, remoteObject } from './objects.ts'
import { nested, oneTask, remoteTask, tasks } from './tasks.ts'

export const figures: Readonly<Record<FigureName, Figure>> = {
  tasks,
  task: oneTask,
  calls,
  call: oneCall,
  actors,
  put: putSmall,
  get: getSmall,
  'put-large': putLarge,
  nested,
  'remote-task': remoteTask,
  'remote-object': remoteObject,
}
