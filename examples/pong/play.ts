import type { Frame } from './pong.ts'

/** A player that looks at the screen: follows the ball with the right paddle. */
export function follow({ width, height, pixels }: Frame): number {
  const paddle = middle(pixels, width, height, x => x === width - 1)
  const ball = middle(pixels, width, height, x => x > 0 && x < width - 1)
  return Math.abs(ball - paddle) < 1 ? 0 : ball < paddle ? 1 : 2
}

function middle(pixels: Uint8Array, width: number, height: number, within: (x: number) => boolean): number {
  let count = 0
  let sum = 0
  for (let at = 0; at < pixels.length; at++) {
    if (pixels[at] === 0 || !within(at % width)) continue
    count++
    sum += Math.floor(at / width)
  }
  return count === 0 ? height / 2 : sum / count
}

/** A frame as text, two rows of pixels in one of characters. */
export function drawn({ width, height, pixels }: Frame): string {
  const lines: string[] = []
  for (let y = 0; y < height; y += 2) {
    const at = (x: number, row: number) => pixels[row * width + x] === 1
    lines.push(Array.from({ length: width }, (_, x) => ' ▀▄█'[(at(x, y) ? 1 : 0) + (at(x, y + 1) ? 2 : 0)]).join(''))
  }
  const edge = '─'.repeat(width)
  return [`┌${edge}┐`, ...lines.map(line => `│${line}│`), `└${edge}┘`].join('\n')
}
