import { get, type ObjectRef, task } from 'shoal'

/** Ways of calling what gives back its argument. Made once the program has joined. */
export interface NoOp {
  /** Begins so many at once and waits for all. */
  many(count: number): Promise<unknown>
  one(): Promise<unknown>
}

export function noOpTask(placement?: { peer: string }): NoOp {
  return callsOf(task((x: number) => x, placement ? { placement } : {}))
}

/** Calls of a task or of a method. */
export function callsOf(echo: { remote(x: number): ObjectRef<number> }): NoOp {
  return {
    many(count) {
      const refs = []
      for (let index = 0; index < count; index++) refs.push(echo.remote(index))
      return get(refs)
    },
    one: () => get(echo.remote(1)),
  }
}

/** `call` begun so many times at once: what a limit is asked for. */
export function many(call: (index: number) => Promise<unknown>): (count: number) => Promise<unknown> {
  return count => {
    const calls = []
    for (let index = 0; index < count; index++) calls.push(call(index))
    return Promise.all(calls)
  }
}
