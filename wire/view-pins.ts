/**
 * Views of the store that remote code was given: each stored value stays where it is until all of its views have been
 * collected. Views share one buffer, so a view made from a view (`subarray`) holds only as long as the first one lives.
 */
export class ViewPins {
  readonly #registry: FinalizationRegistry<{ token: number; left: number }>
  readonly #unpin: (token: number) => void

  constructor(unpin: (token: number) => void) {
    this.#unpin = unpin
    this.#registry = new FinalizationRegistry(pin => {
      if (--pin.left === 0) this.#unpin(pin.token)
    })
  }

  /** Unpins `token` when every view inside `value` over `store` is gone; at once if there is none. */
  hold(value: unknown, token: number, store: SharedArrayBuffer): void {
    const pin = { token, left: 0 }
    for (const view of viewsIn(value, store)) {
      pin.left++
      this.#registry.register(view, pin)
    }
    if (pin.left === 0) this.#unpin(token)
  }
}

/** The typed arrays inside a value that lie in this memory. */
export function viewsIn(value: unknown, memory: SharedArrayBuffer): Set<ArrayBufferView> {
  const found = new Set<ArrayBufferView>()
  const seen = new Set<object>()
  const open: unknown[] = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null || seen.has(one)) continue
    seen.add(one)
    if (ArrayBuffer.isView(one)) {
      if ((one.buffer as unknown) === memory) found.add(one)
    } else if (one instanceof Map) for (const [key, held] of one) open.push(key, held)
    else if (one instanceof Set) open.push(...one)
    else open.push(...Object.values(one))
  }
  return found
}
