/** A figure of another system, measured on this kind of machine (two cores). */
export interface RivalFigure {
  system: string
  figure: string
  value: string
}

/** Where they are from: measured for the first issue of this project in November 2026, not measured again in each run. */
export const rivalsSource = 'quoted from the issue "One program, one machine", two cores, November 2026'

export const rivalFigures: readonly RivalFigure[] = [
  { system: 'Ray 2.60', figure: 'no-op tasks, many outstanding', value: '1,300–2,000/s' },
  { system: 'Ray 2.60', figure: 'one at a time', value: '1.5 ms' },
  { system: 'Ray 2.60', figure: 'init to the first result', value: '3–6.7 s' },
  { system: 'Ray 2.60', figure: 'fib(16), 3,193 tasks', value: '24 s, 55 processes, 4.3 GB' },
  { system: 'Dask', figure: 'no-op tasks, many outstanding', value: '390/s' },
  { system: 'Dask', figure: 'one at a time', value: '11 ms' },
  { system: 'Piscina', figure: 'no-op tasks, one process, named functions only', value: '45,000/s' },
  { system: 'Piscina', figure: 'one at a time', value: '14–68 µs' },
]
