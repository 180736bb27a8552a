/** `an EventEmitter`. */
export function article(kind: string): string {
  return kind.replace(/^a (?=[AEIOUaeiou])/, 'an ')
}

const advices: [RegExp, string][] = [
  [
    /socket|server|stream|readable|writable|duplex|port|channel|database|agent|worker|process|handle|connection|client/i,
    'Open it inside the function, or keep it in an actor that others call.',
  ],
  [/promise/i, 'Await it first and pass the value as an argument, or make it inside the function.'],
  [/weak/i, 'Use a Map or Set, or make it inside the function.'],
  [/generator|iterator/i, 'Make it inside the function, or pass what it yields as an argument.'],
  [/sharedarraybuffer/i, 'Put a copy with put(), or pass it as an argument.'],
]

/** The way out for a kind of thing. */
export function adviceFor(kind: string): string {
  const special = advices.find(([pattern]) => pattern.test(kind))
  return (
    special?.[1] ?? 'Make it inside the function, pass what is needed of it as an argument, or keep it in an actor.'
  )
}
