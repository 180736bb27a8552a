/** Trouble with the files under `$SHOAL_HOME`. The message is one line: which file, what is wrong, what to do. */
export class HomeError extends Error {
  override readonly name = 'HomeError'
  readonly code = 'SHOAL_HOME'
  /** The file or folder that the trouble is with. */
  readonly path: string

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options)
    this.path = path
  }
}

const causes: Record<string, string> = {
  ENOENT: 'cannot be made there: set SHOAL_HOME to a folder of your own',
  ENXIO: 'cannot be made there: set SHOAL_HOME to a folder of your own',
  EACCES: 'no permission: make it yours (chown, chmod 700), or set SHOAL_HOME to a folder of your own',
  EPERM: 'not permitted: make it yours (chown, chmod 700), or set SHOAL_HOME to a folder of your own',
  ENOSPC: 'the disk is full: free some space there, or set SHOAL_HOME to a folder on another disk',
  EDQUOT: 'your disk quota is used up: free some space there, or set SHOAL_HOME to a folder on another disk',
  EROFS: 'the file system is read-only: set SHOAL_HOME to a folder on another one',
  ENOTDIR: 'a part of this path is a file, not a folder: set SHOAL_HOME to a folder',
  EEXIST: 'a file is in the way, a folder is needed: set SHOAL_HOME to a folder',
  EISDIR: 'a folder is in the way, a file is needed: move it away',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  ENAMETOOLONG: 'the path is too long: set SHOAL_HOME to a shorter one',
  ELOOP: 'a loop of symbolic links: set SHOAL_HOME to a folder',
  EIO: 'the disk reports an error: check it, or set SHOAL_HOME to a folder on another disk',
}

/** The `code` of a system error (`ENOENT`), or `undefined`. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** Runs a file operation on `path`; what the system says becomes a `HomeError` that says what to do. */
export function onFile<T>(path: string, operation: () => T): T {
  try {
    return operation()
  } catch (error) {
    throw homeErrorOf(path, error)
  }
}

export function homeErrorOf(path: string, error: unknown): HomeError {
  if (error instanceof HomeError) return error
  const code = errnoOf(error)?.replace('ERR_FS_', '') ?? ''
  return new HomeError(path, causes[code] ?? (error instanceof Error ? error.message : String(error)), { cause: error })
}
