/** The URL of a file of the bench, `./name` from the module at `from`: TypeScript or compiled, as that module is. */
export function sibling(name: string, from: string): URL {
  return new URL(name + from.slice(from.lastIndexOf('.')), from)
}
