export { type FigureName, figureNames, remoteFigures } from './names.ts'
export type { Order, Place, Reading, Report, Unit } from './report.ts'
