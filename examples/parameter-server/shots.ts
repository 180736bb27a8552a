import { random } from '../maths/random.ts'

const gravity = 9.81
const drag = 0.02 // per metre: of a small ball in air
const stepSeconds = 0.002

/** A shot: how it was fired, each from -1 to 1 of what is tried, and how far it flew in hundreds of metres. */
export interface Shot {
  speed: number
  angle: number
  range: number
}

/** How far a ball flies that air slows down: the equations of motion, step by step, for there is no formula. */
export function rangeMetres(speed: number, angle: number): number {
  let vx = speed * Math.cos(angle)
  let vy = speed * Math.sin(angle)
  let x = 0
  let y = 0
  do {
    const slowing = drag * Math.hypot(vx, vy) * stepSeconds
    vx -= slowing * vx
    vy -= slowing * vy + gravity * stepSeconds
    x += vx * stepSeconds
    y += vy * stepSeconds
  } while (y > 0)
  return x
}

/** Shots from 20 to 60 m/s, from 20 to 70 degrees. */
export function fire(count: number, seed: number): Shot[] {
  const uniform = random(seed)
  return Array.from({ length: count }, () => {
    const speed = 2 * uniform() - 1
    const angle = 2 * uniform() - 1
    return { speed, angle, range: rangeMetres(40 + 20 * speed, ((45 + 25 * angle) * Math.PI) / 180) / 100 }
  })
}
