import { workerBridge } from '../wire/bridge.ts'
import { ScopedTypes } from '../wire/values/index.ts'
import { Engine } from './client/index.ts'
import { clientExtensions } from './extensions.ts'
import { get } from './get.ts'
import { MeshHandle } from './mesh-handle.ts'
import { put } from './put.ts'
import { Ref } from './ref.ts'
import { registeredTypes, setSession } from './session.ts'
import type { ObjectRef } from './types.ts'

/** In a worker thread the mesh is there already: this module's functions speak by the worker's channel. */
const bridge = workerBridge()
if (bridge && !bridge.client) {
  const { outbox, welcome, store } = bridge
  const engine = new Engine(
    {
      outbox,
      welcome,
      store,
      bridge,
      hold: () => undefined,
      letGo: () => undefined,
      log: () => undefined,
    },
    { types: new ScopedTypes(registeredTypes, () => bridge.current()?.types), Ref, extensions: clientExtensions },
  )
  bridge.client = engine
  bridge.keeping = {
    keep: async value => (await put(value, { tier: 'replicated' })) as object,
    read: ref => get(ref as ObjectRef<unknown>),
  }
  // A task does not own the mesh: closing it there closes nothing.
  setSession({ engine, mesh: new MeshHandle(engine, () => Promise.resolve()) })
}
