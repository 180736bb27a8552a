const own = new URL('./', import.meta.url).href
const ownPath = decodeURI(own.replace(/^file:\/\//, ''))
const dropped = [own, ownPath, 'shoal-code:', 'node:vm']

/** A stack as its reader wants it: the user's files without the identity of their instance, no frames of the loader. */
export function userFrames(stack: string): string {
  return stack
    .split('\n')
    .filter(line => !(/^\s+at /.test(line) && dropped.some(part => line.includes(part))))
    .map(line =>
      line
        .replace(/[?&]shoal=[0-9a-f]{64}\.\d+/g, '')
        // What V8 calls a function without a name in code that was compiled in a module.
        .replace(/^(\s+at (?:async )?)eval \((.*)\)$/, '$1$2'),
    )
    .join('\n')
}
