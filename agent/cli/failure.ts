/** Why a command failed, for the person who typed it: one clear text, a code for `--json`, and the exit code. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: string
  readonly exitCode: number

  constructor(code: string, message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.exitCode = options.exitCode ?? 1
  }
}

/** A command that was typed wrongly: exit code 2, and nothing has been started. */
export function usageError(message: string): Failure {
  return new Failure('SHOAL_INVALID_OPTION', message, { exitCode: 2 })
}

/** Any error as a code and one line, without a stack. */
export function describeFailure(error: unknown): { code: string; message: string; exitCode: number } {
  if (error instanceof Failure) return { code: error.code, message: error.message, exitCode: error.exitCode }
  const code = (error as { code?: unknown } | null)?.code
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: typeof code === 'string' && code.startsWith('SHOAL_') ? code : 'SHOAL_INTERNAL',
    message: message.trim().replace(/\s*\n\s*/g, ' ') || 'something went wrong',
    exitCode: 1,
  }
}
