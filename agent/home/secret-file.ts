import { statSync } from 'node:fs'
import { readIfThere } from './durable-file.ts'
import { HomeError, onFile } from './home-error.ts'

/** A file that only its owner may read; undefined where there is none. Throws `HomeError` where others may read it. */
export function readSecret(path: string): string | undefined {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  const mode = onFile(path, () => statSync(path)).mode & 0o777
  if ((mode & 0o077) !== 0) {
    throw new HomeError(
      path,
      `other users may read this secret (mode ${mode.toString(8)}): chmod 600 ${path}, or remove it if somebody did`,
    )
  }
  return text
}
