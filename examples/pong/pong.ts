import { random } from '../maths/random.ts'

const width = 60
const height = 24
const paddleRows = 5
const winningScore = 21

/** What the screen shows: 0 where it is dark, else 1, row by row. */
export interface Frame {
  width: number
  height: number
  pixels: Uint8Array
}

/** What a step gives, as gym's environments do. */
export interface Step {
  observation: Frame
  /** 1: the opponent missed the ball; -1: we did. */
  reward: number
  /** One side has 21 points. */
  done: boolean
  info: { ours: number; theirs: number }
}

/** What one can do: nothing, up, down. */
export const actions = [0, -1, 1] as const

/**
 * The game of Pong with the interface of a gym environment: `reset()` gives an observation, `step(action)` what the action
 * leads to. We have the right paddle; the left one follows the ball, more slowly than it flies.
 */
export class Pong {
  readonly #uniform: () => number
  #ball = { x: 0, y: 0, dx: 0, dy: 0 }
  #left = 0
  #right = 0
  #score = { ours: 0, theirs: 0 }

  constructor(seed = 0) {
    this.#uniform = random(seed)
    this.reset()
  }

  reset(): Frame {
    this.#score = { ours: 0, theirs: 0 }
    this.#left = this.#right = (height - paddleRows) / 2
    this.#serve()
    return this.#frame()
  }

  step(action: number): Step {
    if (!(action in actions)) throw new RangeError(`there is no action ${action}`)
    this.#right = onScreen(this.#right + actions[action])
    const aim = this.#ball.y - paddleRows / 2
    this.#left = onScreen(this.#left + Math.max(-0.5, Math.min(0.5, aim - this.#left)))
    const reward = this.#move()
    if (reward > 0) this.#score.ours++
    if (reward < 0) this.#score.theirs++
    if (reward !== 0) this.#serve()
    const info = { ...this.#score }
    return { observation: this.#frame(), reward, done: Math.max(info.ours, info.theirs) >= winningScore, info }
  }

  /** The ball starts in the middle, to one of the sides. */
  #serve(): void {
    const dx = this.#uniform() < 0.5 ? -1 : 1
    this.#ball = { x: width / 2, y: height * this.#uniform(), dx, dy: this.#uniform() * 1.6 - 0.8 }
  }

  /** Moves the ball; who missed it, as a reward. */
  #move(): number {
    const ball = this.#ball
    ball.x += ball.dx
    ball.y += ball.dy
    if (ball.y < 0 || ball.y > height - 1) {
      ball.dy = -ball.dy
      ball.y = Math.max(0, Math.min(height - 1, ball.y))
    }
    if (ball.x <= 1) return this.#returned(this.#left) ? 0 : 1
    if (ball.x >= width - 2) return this.#returned(this.#right) ? 0 : -1
    return 0
  }

  /** Sends the ball back if the paddle is there; off its edges it flies more steeply. */
  #returned(paddle: number): boolean {
    const ball = this.#ball
    const off = ball.y - paddle - (paddleRows - 1) / 2
    if (Math.abs(off) > paddleRows / 2) return false
    ball.dx = -ball.dx
    ball.dy = Math.max(-1.4, Math.min(1.4, off * 0.4 + this.#uniform() * 1.6 - 0.8))
    return true
  }

  #frame(): Frame {
    const pixels = new Uint8Array(width * height)
    const light = (x: number, y: number) => {
      pixels[Math.round(y) * width + Math.round(x)] = 1
    }
    for (let row = 0; row < paddleRows; row++) {
      light(0, this.#left + row)
      light(width - 1, this.#right + row)
    }
    light(this.#ball.x, this.#ball.y)
    return { width, height, pixels }
  }
}

function onScreen(paddle: number): number {
  return Math.max(0, Math.min(height - paddleRows, paddle))
}
