/** Of what a class calls its methods that save and restore the state of an instance. */
export const checkpoint = {
  save: Symbol.for('shoal.checkpoint.save'),
  restore: Symbol.for('shoal.checkpoint.restore'),
} as const
