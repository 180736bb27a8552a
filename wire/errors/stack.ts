/** Where Shoal's own code lies: frames from there mean nothing to the reader of an error. */
const home = new URL('../../', import.meta.url).href
const own = ['wire/', 'agent/', 'sdk/'].flatMap(folder => {
  const url = home + folder
  return url.startsWith('file://') ? [url, decodeURI(url.slice('file://'.length))] : [url]
})

const firstFrame = /^ {4}at /m
const internal = /\(?node:|^ {4}at (?:async )?(?:native|<anonymous>|Promise\.all \(index \d+\))$/

/** The text before the first frame: name and message. */
export function stackHeader(stack: string): string {
  const at = stack.search(firstFrame)
  return at < 0 ? stack.trimEnd() : stack.slice(0, at).trimEnd()
}

/** The frames of a stack, a line each, without those inside Shoal and inside Node. */
export function userFrames(stack: string): string[] {
  const at = stack.search(firstFrame)
  if (at < 0) return []
  return stack
    .slice(at)
    .split('\n')
    .filter(line => line.startsWith('    at ') && !internal.test(line) && !own.some(folder => line.includes(folder)))
}

/** A stack as its reader wants it: the header, and at most `frames` frames of the user's own code. */
export function cleanStack(stack: string, frames = Number.POSITIVE_INFINITY): string {
  return [stackHeader(stack), ...userFrames(stack).slice(0, frames)].join('\n')
}
