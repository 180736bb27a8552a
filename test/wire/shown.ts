/** A text in which values that differ in anything that structured clone keeps differ: holes, -0, identity, order, classes. */
export function shown(value: unknown): string {
  const seen = new Map<object, number>()
  const show = (one: unknown): string => {
    if (typeof one === 'string') return JSON.stringify(one)
    if (typeof one === 'number') return Object.is(one, -0) ? '-0' : String(one)
    if (typeof one === 'bigint') return `${one}n`
    if (typeof one !== 'object' || one === null) return String(one)
    const known = seen.get(one)
    if (known !== undefined) return `#${known}`
    seen.set(one, seen.size)
    const name = Object.getPrototypeOf(one)?.constructor?.name ?? 'null'
    if (one instanceof Map) return `Map{${[...one].map(([k, v]) => `${show(k)}=>${show(v)}`).join()}}`
    if (one instanceof Set) return `Set{${[...one].map(show).join()}}`
    if (one instanceof Date) return `Date(${one.getTime()})`
    if (one instanceof RegExp) return `${one}@${one.lastIndex}`
    if (one instanceof ArrayBuffer) return `ArrayBuffer(${new Uint8Array(one)}|${one.resizable}|${one.maxByteLength})`
    if (ArrayBuffer.isView(one)) return `${name}(${one.byteOffset},${one.byteLength},${show(one.buffer)})`
    if (one instanceof Number || one instanceof String || one instanceof Boolean || one instanceof BigInt)
      return `${name}(${show(one.valueOf())})`
    const keys = Object.keys(one).map(key => `${JSON.stringify(key)}:${show((one as Record<string, unknown>)[key])}`)
    const length = Array.isArray(one) ? `(${one.length})` : ''
    if (one instanceof Error) keys.push(one.name, one.message, String(one.stack), 'cause' in one ? show(one.cause) : '')
    return `${name}${length}{${keys.join()}}`
  }
  return show(value)
}
