// The process that measures one figure and sends its readings to bench/run.ts.
import type { Measure } from './figure.ts'
import { figures } from './figures.ts'
import { sibling } from './sibling.ts'

const figure = figures.find(({ id }) => id === process.argv[2])
if (!figure) throw new Error(`no figure ${process.argv[2]}`)
const { measure }: { measure: Measure } = await import(sibling(figure.module, import.meta.url).href)
process.send?.(await measure(), () => process.exit(0))
