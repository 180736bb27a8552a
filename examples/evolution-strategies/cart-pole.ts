// The cart and the pole of Barto, Sutton and Anderson (1983), with the numbers that gym's CartPole-v0 has.
import { random } from '../maths/random.ts'

const gravity = 9.8
const cartKg = 1
const poleKg = 0.1
const totalKg = cartKg + poleKg
const halfPoleMetres = 0.5
const forceNewtons = 10
const stepSeconds = 0.02
const angleMax = (12 * Math.PI) / 180
const positionMax = 2.4

/** An episode is over after so many steps at the latest: that is the most that it can score. */
export const stepsMax = 200
export const observationSize = 4

/** A pole on a cart, which is pushed left or right at each step so that the pole does not fall. */
export class CartPole {
  /** Position, speed, angle, angular speed. */
  readonly state = new Float64Array(observationSize)
  steps = 0

  constructor(seed: number) {
    const uniform = random(seed)
    for (let at = 0; at < observationSize; at++) this.state[at] = uniform() * 0.1 - 0.05
  }

  /** Pushes the cart; whether the episode goes on. */
  step(right: boolean): boolean {
    const { state } = this
    const [position, speed, angle, turning] = state
    const sine = Math.sin(angle)
    const cosine = Math.cos(angle)
    const push = ((right ? forceNewtons : -forceNewtons) + poleKg * halfPoleMetres * turning * turning * sine) / totalKg
    const turn = (gravity * sine - cosine * push) / (halfPoleMetres * (4 / 3 - (poleKg * cosine * cosine) / totalKg))
    state[0] = position + stepSeconds * speed
    state[1] = speed + stepSeconds * (push - (poleKg * halfPoleMetres * turn * cosine) / totalKg)
    state[2] = angle + stepSeconds * turning
    state[3] = turning + stepSeconds * turn
    this.steps++
    return this.steps < stepsMax && Math.abs(state[0]) <= positionMax && Math.abs(state[2]) <= angleMax
  }
}
