import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { loadedCode } from '../../wire/code/registry.ts'

let known: { path: string | undefined; url: string | undefined } | undefined

/** The URL of the program's own script, whose variables travel by value: also what `node --eval` was given as a module. */
export function entryUrl(scripts: Iterable<{ url: string }>, isOwn: (url: string) => boolean): string | undefined {
  if (!isMainThread) return threadEntry(scripts, isOwn)
  const path = process.argv[1]
  if (path === undefined) {
    for (const { url } of scripts) if (/^file:.*\/\[eval\d+\]$/.test(url)) return url
  }
  if (known === undefined || known.path !== path) known = { path, url: path === undefined ? undefined : resolved(path) }
  return known.url
}

/** A thread of the program's own starts with a script that Node does not name: the first that was compiled. Shoal's workers have none. */
function threadEntry(scripts: Iterable<{ url: string }>, isOwn: (url: string) => boolean): string | undefined {
  if (loadedCode() !== undefined) return undefined
  const preloaded = process.execArgv.join(' ')
  for (const { url } of scripts) {
    if (!url.startsWith('file:') || url.includes('/node_modules/') || isOwn(url)) continue
    if (!preloaded.includes(fileURLToPath(url))) return url
  }
  return undefined
}

function resolved(path: string): string | undefined {
  try {
    // `node main` is main.js, or a folder's index.js.
    return pathToFileURL(realpathSync(createRequire(import.meta.url).resolve(path))).href
  } catch {
    return undefined
  }
}
