/** One line of `shoal doctor`. */
export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do about it. */
  readonly advice?: string
}

export const ok = (name: string, message: string): Check => ({ name, state: 'ok', message })
export const warn = (name: string, message: string, advice: string): Check => ({ name, state: 'warn', message, advice })
export const fail = (name: string, message: string, advice: string): Check => ({ name, state: 'fail', message, advice })

/** Runs a check whose own failure is a result, too: its message says which file and what to do. */
export function attempt(name: string, check: () => Check): Check {
  try {
    return check()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { name, state: 'fail', message }
  }
}
