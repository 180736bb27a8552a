import { random } from '../maths/random.ts'

/** Its numbers row by row. */
export interface Matrix {
  rows: number
  columns: number
  numbers: Float64Array
}

export function zeroMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, numbers: new Float64Array(rows * columns) }
}

/** Whole numbers from -9 to 9: sums of their products are exact in any order. */
export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const uniform = random(seed)
  return { rows, columns, numbers: Float64Array.from({ length: rows * columns }, () => Math.floor(uniform() * 19) - 9) }
}

export function product(a: Matrix, b: Matrix): Matrix {
  const made = zeroMatrix(a.rows, b.columns)
  for (let row = 0; row < a.rows; row++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.numbers[row * a.columns + k]
      for (let column = 0; column < b.columns; column++)
        made.numbers[row * b.columns + column] += factor * b.numbers[k * b.columns + column]
    }
  }
  return made
}

export function total(a: Matrix, b: Matrix): Matrix {
  return { ...a, numbers: a.numbers.map((number, at) => number + b.numbers[at]) }
}

/** A matrix put together from square blocks, row by row of them. */
export function joined(blocks: Matrix[], blocksInRow: number): Matrix {
  const side = blocks[0].rows
  const made = zeroMatrix((blocks.length / blocksInRow) * side, blocksInRow * side)
  for (const [at, block] of blocks.entries()) {
    const corner = Math.floor(at / blocksInRow) * side * made.columns + (at % blocksInRow) * side
    for (let row = 0; row < side; row++)
      made.numbers.set(block.numbers.subarray(row * side, (row + 1) * side), corner + row * made.columns)
  }
  return made
}
