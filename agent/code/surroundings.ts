import { cannotLoad } from './code-problem.ts'

/** Where shipped code finds what is not shipped with it. */
export interface Surroundings {
  /** The module that `import … from 'shoal'` gives. */
  shoalUrl: string
  /** Folders from which packages that are not shipped are looked for, in this order. */
  folders: readonly string[]
  peerId: string
}

/** Shoal's own modules in this thread: the one given, or one beside it, in the layout that it is in. */
export function shoalUrl(path: string, file: boolean, around: Surroundings): string | undefined {
  if (path === '') return around.shoalUrl
  if (!file) return undefined
  const extension = /\.[jt]s$/.exec(around.shoalUrl)?.[0] ?? '.js'
  return new URL(`../${path.replace(/\.[jt]s$/, extension)}`, around.shoalUrl).href
}

export function missingPackage(name: string, { peerId, folders }: Surroundings): Error {
  const where = folders.length === 0 ? 'no folder to look in' : `not found from ${folders.join(', ')}`
  return cannotLoad(peerId, `the package ${name}, which is not shipped, is missing: ${where}`, { package: name })
}

export function isNotFound(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
