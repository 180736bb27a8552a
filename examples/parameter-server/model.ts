import type { Shot } from './shots.ts'

/** The parts of the model, each with the parameters of a polynomial in the angle: how they add up depends on the speed. */
export const keys = ['constant', 'linear', 'quadratic', 'cubic']
const degrees = 4
export const size = keys.length * degrees

/** Legendre's polynomials of degree 0 to 3: orthogonal over -1 to 1, so that no parameter stands in another's way. */
function legendre(x: number): number[] {
  return [1, x, (3 * x * x - 1) / 2, (5 * x * x * x - 3 * x) / 2].map((value, n) => value * Math.sqrt(2 * n + 1))
}

export function features({ speed, angle }: Shot): number[] {
  const ofAngle = legendre(angle)
  return legendre(speed).flatMap(one => ofAngle.map(other => one * other))
}

function error(parameters: Float64Array, shot: Shot, shotFeatures: number[]): number {
  let range = 0
  for (let at = 0; at < size; at++) range += parameters[at] * shotFeatures[at]
  return range - shot.range
}

/** The mean square of what the model is wrong by. */
export function loss(parameters: Float64Array, shots: Shot[]): number {
  let total = 0
  for (const shot of shots) total += error(parameters, shot, features(shot)) ** 2
  return total / shots.length
}

/** Which way the loss falls, by part of the model: what to add to the parameters for a step of this rate. */
export function descent(parameters: Float64Array, shots: Shot[], rate: number): Float64Array[] {
  const step = new Float64Array(size)
  for (const shot of shots) {
    const shotFeatures = features(shot)
    const factor = (-rate * error(parameters, shot, shotFeatures)) / shots.length
    for (let at = 0; at < size; at++) step[at] += factor * shotFeatures[at]
  }
  return parts(step)
}

export function parts(parameters: Float64Array): Float64Array[] {
  return keys.map((_, at) => parameters.slice(at * degrees, (at + 1) * degrees))
}

export function whole(values: readonly Float64Array[]): Float64Array {
  return Float64Array.from(values.flatMap(value => [...value]))
}

/** The parameters with the least loss there is, by the normal equations and Gauss's elimination. */
export function leastSquares(shots: Shot[]): Float64Array {
  const rows = Array.from({ length: size }, () => new Float64Array(size + 1))
  for (const shot of shots) {
    const shotFeatures = features(shot)
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) rows[row][column] += shotFeatures[row] * shotFeatures[column]
      rows[row][size] += shotFeatures[row] * shot.range
    }
  }
  for (let pivot = 0; pivot < size; pivot++) {
    for (let row = pivot + 1; row < size; row++) {
      const factor = rows[row][pivot] / rows[pivot][pivot]
      for (let column = pivot; column <= size; column++) rows[row][column] -= factor * rows[pivot][column]
    }
  }
  const solution = new Float64Array(size)
  for (let row = size - 1; row >= 0; row--) {
    let rest = rows[row][size]
    for (let column = row + 1; column < size; column++) rest -= rows[row][column] * solution[column]
    solution[row] = rest / rows[row][row]
  }
  return solution
}
