export { limits as meshLimits } from './limits.ts'
