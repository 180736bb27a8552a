// This file and agent/cli/shoal.ts are read by whatever Node the machine has, so they keep to what Node 18 understands.
import { existsSync, readFileSync } from 'node:fs'

interface PackageJson {
  version: string
  engines: { node: string }
}

function readPackage(): PackageJson {
  // One folder up from the sources, two from dist/.
  const near = new URL('../package.json', import.meta.url)
  return JSON.parse(readFileSync(existsSync(near) ? near : new URL('../../package.json', import.meta.url), 'utf8'))
}

const ownPackage = readPackage()

/** Shoal's own version, from its package.json. */
export const shoalVersion: string = ownPackage.version

/** The oldest Node that Shoal runs on, from `engines` in its package.json: `22.19`. */
export const nodeVersionMin: string = ownPackage.engines.node.replace(/^>=/, '')

/** What to tell a user whose Node is too old, in one line; `undefined` where it is new enough. */
export function nodeProblem(version: string = process.versions.node): string | undefined {
  const [major, minor] = version.split('.').map(Number)
  const [majorMin, minorMin = 0] = nodeVersionMin.split('.').map(Number)
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined
  return `Shoal needs Node ${nodeVersionMin} or newer, and this is ${version}: install a newer one (https://nodejs.org)`
}
