import { workerBridge } from '../../wire/bridge.ts'
import { refuse } from '../options/index.ts'

/**
 * Ends the actor in whose method it is called: nothing after it runs. The call, and those that wait, reject with ActorDiedError;
 * it is not made anew.
 * @throws InvalidOptionError outside of an actor
 */
export function exitActor(): never {
  const bridge = workerBridge()
  if (!bridge?.inActor())
    refuse({ call: 'exitActor', option: 'call' }, 'a call outside of an actor', 'inside a method of an actor')
  return bridge.exitActor()
}
