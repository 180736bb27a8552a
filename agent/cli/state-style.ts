import type { Terminal } from './terminal.ts'

const styles: Record<string, Parameters<Terminal['style']>[0]> = {
  running: 'cyan',
  busy: 'cyan',
  alive: 'green',
  finished: 'green',
  ok: 'green',
  suspect: 'yellow',
  draining: 'yellow',
  pending: 'yellow',
  restarting: 'yellow',
  cancelled: 'yellow',
  warn: 'yellow',
  failed: 'red',
  dead: 'red',
  fail: 'red',
}

/** The colour that a state is shown in, the same in every table. */
export function stateStyle(state: string): Parameters<Terminal['style']>[0] | undefined {
  return Object.hasOwn(styles, state) ? styles[state] : undefined
}
