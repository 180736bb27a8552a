/** What `shoal bench` measures, in the order in which it does. */
export const figureNames = [
  'tasks',
  'task',
  'calls',
  'call',
  'actors',
  'put',
  'get',
  'put-large',
  'nested',
  'remote-task',
  'remote-object',
] as const

export type FigureName = (typeof figureNames)[number]

/** Those that need another peer in the mesh. */
export const remoteFigures: ReadonlySet<FigureName> = new Set(['remote-task', 'remote-object'])
