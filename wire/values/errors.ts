/** A value cannot travel: `path` says what in it, `reason` what is there and what to do. */
export class ValueError extends Error {
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`cannot travel: ${path === '' ? 'it' : path} ${reason}`, options)
    this.name = 'ValueError'
    this.path = path
    this.reason = reason
  }
}

/** Bytes that no encoder makes. */
export class MalformedValueError extends Error {
  constructor(reason: string) {
    super(`malformed value: ${reason}`)
    this.name = 'MalformedValueError'
  }
}

/** Thrown inside the encoder; its path is found by walking the value again, since it is needed only then. */
export class Refusal extends Error {
  readonly culprit: unknown
  readonly reason: string

  constructor(culprit: unknown, reason: string, cause?: unknown) {
    super(reason, { cause })
    this.culprit = culprit
    this.reason = reason
  }
}
