import { ActorNotFoundError } from '../../wire/errors/index.ts'
import { shapeFrom } from '../actor-shape.ts'
import { handleData, isHandle } from '../handle-data.ts'
import { checkHandle, checkKillOptions, checkName } from '../options/index.ts'
import { currentEngine } from '../session.ts'
import type { ActorHandle, SomeHandle } from '../types.ts'
import { makeHandle } from './handle.ts'
import { releasedError } from './method.ts'

/** What an agent says of an actor that was looked for. */
interface Found {
  owner: { peerId: string; incarnation: number }
  client: number
  number: number
  shape: string
}

/**
 * The handle of a named actor, wherever it is.
 * Rejects with ActorNotFoundError where none that lives has the name, InvalidOptionError, NotInitializedError.
 */
export async function getActor<T>(name: string, options?: { namespace?: string }): Promise<ActorHandle<T>> {
  const checked = checkName('getActor', name, options)
  const engine = currentEngine('getActor')
  const namespace = checked.namespace ?? engine.currentTask?.namespace ?? engine.welcome.namespace
  const found = (await engine.suspension.while(engine.calls.call('find-actor', { name, namespace }))) as Found | null
  if (!found) {
    const message = `no actor has the name '${name}' in namespace '${namespace}': shoal actors lists those that live`
    throw new ActorNotFoundError(message, { actorName: name, namespace })
  }
  const shape = shapeFrom(found.shape)
  const ref = engine.borrow(found.owner, found.client, found.number)
  return makeHandle({ shape, ref }) as ActorHandle<T>
}

/**
 * Ends an actor, whatever it does: calls that run and wait reject with ActorDiedError that says who did it. `restart: true`: it
 * is made anew, if it has restarts left. Killing what is dead already is nothing. Resolves when it has ended.
 * Rejects with InvalidOptionError where it is no handle, ActorDiedError where the handle was released here.
 */
export async function kill(handle: SomeHandle, options?: { restart?: boolean }): Promise<void> {
  checkHandle({ call: 'kill', option: 'handle' }, handle, isHandle)
  const { restart = false } = checkKillOptions(options)
  const { ref, shape } = handleData(handle)
  if (ref?.released) throw releasedError(ref, shape, 'killed')
  if (!ref || ref.slot < 0) return
  const { engine, slot, number } = ref
  await engine.suspension.while(engine.calls.call('kill-actor', { slot, number, restart }))
}
