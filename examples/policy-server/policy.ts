import { checkpoint } from 'shoal'
import { gaussian, random } from '../maths/random.ts'

export const inputs = 8
const hidden = 64
const actions = 4

/** What a policy makes of an observation: the action it takes, and how likely it was to take each. */
export interface Decision {
  action: number
  probabilities: Float64Array
}

/** A neural network that decides what to do: one hidden layer, then a softmax. */
export class Policy {
  readonly #first: Float64Array[]
  readonly #second: Float64Array[]
  #served = 0

  constructor(seed: number) {
    const number = gaussian(random(seed))
    const layer = (rows: number, columns: number) =>
      Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => number() / Math.sqrt(columns)))
    this.#first = layer(hidden, inputs)
    this.#second = layer(actions, hidden)
  }

  /** The forward pass. */
  act(observation: Float64Array): Decision {
    this.#served++
    const neurons = times(this.#first, observation).map(Math.tanh)
    const weights = times(this.#second, neurons).map(Math.exp)
    const total = weights.reduce((sum, weight) => sum + weight)
    const probabilities = weights.map(weight => weight / total)
    return { action: probabilities.indexOf(Math.max(...probabilities)), probabilities }
  }

  /** How many decisions it has made. */
  served(): number {
    return this.#served
  }

  [checkpoint.save](): number {
    return this.#served
  }

  [checkpoint.restore](served: number): void {
    this.#served = served
  }
}

function times(rows: Float64Array[], vector: Float64Array): Float64Array {
  return Float64Array.from(rows, row => row.reduce((sum, weight, at) => sum + weight * vector[at], 0))
}
