import { CartPole, observationSize } from './cart-pole.ts'

const hidden = 8
/** Numbers that a policy has: a layer of eight neurons, and one that decides. */
export const policySize = hidden * (observationSize + 1) + hidden + 1

/** Whether a policy pushes to the right. */
export function pushesRight(policy: Float64Array, state: Float64Array): boolean {
  let at = 0
  let output = 0
  for (let neuron = 0; neuron < hidden; neuron++) {
    let sum = policy[at++]
    for (let input = 0; input < observationSize; input++) sum += policy[at++] * state[input]
    output += Math.tanh(sum) * policy[policySize - 1 - hidden + neuron]
  }
  return output + policy[policySize - 1] > 0
}

/** The steps for which a policy keeps the pole up. */
export function episode(policy: Float64Array, seed: number): number {
  const world = new CartPole(seed)
  while (world.step(pushesRight(policy, world.state)));
  return world.steps
}
