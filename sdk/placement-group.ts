import { inspect } from 'node:util'
import { groupIdText } from '../wire/ids.ts'
import type { GroupRequest } from '../wire/records.ts'
import type { Engine } from './client/index.ts'
import { type BrandedGroup, groupBrand } from './group-brand.ts'
import { checkBundles, checkGroupOptions, checkReadyOptions, type Own, own } from './options/index.ts'
import { currentEngine } from './session.ts'
import type { PlacedBundle, PlacementGroup, PlacementGroupOptions, ResourceRequest } from './types.ts'

/** A group as it travels. */
export interface GroupData {
  readonly id: string
  readonly name?: string
  readonly bundles: readonly Readonly<Record<string, number>>[]
}

let made = 0

/**
 * Reserves resources on one peer or several, all of them or none (`strategy`), for tasks that name the group: `placement: {
 * group, bundle }`. Returns at once; `ready()` resolves when they are reserved. What it has reserved is not in
 * `mesh.available()`, and no other task uses it.
 * @throws InvalidOptionError, NotInitializedError
 */
export function placementGroup(bundles: readonly ResourceRequest[], options?: PlacementGroupOptions): PlacementGroup {
  const wanted = checkBundles(bundles)
  const { strategy = 'pack', name, lifetime = 'refs' } = checkGroupOptions(options)
  const engine = currentEngine('placementGroup()')
  const id = groupIdText(engine.owner, engine.welcome.client, ++made)
  const named = name === undefined ? {} : { name }
  const request: GroupRequest = { id, ...named, strategy, bundles: wanted, detached: lifetime === 'detached' }
  const asked = engine.calls.call('group-make', request)
  // `ready` says what went wrong.
  asked.catch(() => undefined)
  return new Group({ id, ...named, bundles: wanted }, asked)
}

/** What `placementGroup` gives, here or where it has travelled to. */
export class Group implements BrandedGroup {
  declare readonly [groupBrand]: GroupData
  readonly #asked: Promise<unknown> | undefined

  constructor(data: GroupData, asked?: Promise<unknown>) {
    Object.defineProperty(this, groupBrand, { value: data })
    this.#asked = asked
  }

  get [own](): Own {
    return { kind: 'group', text: 'a PlacementGroup' }
  }

  get id(): string {
    return this[groupBrand].id
  }

  get name(): string | undefined {
    return this[groupBrand].name
  }

  async ready(options?: { timeoutMs?: number }): Promise<void> {
    const { timeoutMs } = checkReadyOptions(options)
    const engine = currentEngine('ready()')
    await engine.suspension.while(this.#ask(engine, 'group-ready', timeoutMs === undefined ? {} : { timeoutMs }))
  }

  async bundles(): Promise<PlacedBundle[]> {
    const engine = currentEngine('bundles()')
    const peers = (await engine.suspension.while(this.#ask(engine, 'group-peers'))) as (string | null)[]
    return this[groupBrand].bundles.map((resources, index) => {
      const peerId = peers[index]
      return { resources: { ...resources }, ...(typeof peerId === 'string' ? { peerId } : {}) }
    })
  }

  async remove(): Promise<void> {
    const engine = currentEngine('remove()')
    await engine.suspension.while(this.#ask(engine, 'group-remove'))
  }

  async #ask(engine: Engine, method: string, params: object = {}): Promise<unknown> {
    await this.#asked
    return await engine.calls.call(method, { id: this.id, ...params })
  }

  [inspect.custom](): string {
    return `PlacementGroup ${this.name ?? this.id}`
  }
}
