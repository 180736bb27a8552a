import { type GroupView, limits, type ResourceMap } from '../core/index.ts'

/** What peers say of placement groups, as it arrives: other peers are not trusted with shape. */

export class GroupMessageError extends Error {
  override name = 'GroupMessageError'
}

function no(what: string): never {
  throw new GroupMessageError(`a message about a placement group without ${what}`)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function groupFrom(params: unknown): string {
  const { group } = (params ?? {}) as { group?: unknown }
  return typeof group === 'string' && group.length <= 200 ? group : no('its id')
}

export function roundFrom(params: unknown): number {
  const { round } = params as { round?: unknown }
  return isCount(round) ? round : no('a number of the attempt')
}

export function indicesFrom(value: unknown): number[] {
  return Array.isArray(value) && value.length <= limits.bundlesMax && value.every(isCount) ? value : no('indices')
}

export function bundlesFrom(params: unknown): [number, ResourceMap][] {
  const { bundles } = params as { bundles?: unknown }
  if (!Array.isArray(bundles) || bundles.length > limits.bundlesMax) return no('bundles')
  return bundles.map((one: unknown) => {
    if (!Array.isArray(one) || !isCount(one[0])) return no('the index of a bundle')
    return [one[0], amountsFrom(one[1])]
  })
}

function amountsFrom(value: unknown): ResourceMap {
  if (typeof value !== 'object' || value === null) return no('amounts')
  return Object.fromEntries(
    Object.entries(value).map(([name, amount]) => {
      const isAmount = typeof amount === 'number' && amount >= 0 && Number.isFinite(amount) && name !== '__proto__'
      return isAmount ? [name, amount] : no('amounts')
    }),
  )
}

const states: readonly unknown[] = ['waiting', 'placed', 'removed'] satisfies GroupView['state'][]

export function viewFrom(value: unknown): GroupView {
  const { state, peers, reason, impossible } = (value ?? {}) as Record<string, unknown>
  if (!states.includes(state)) return no('its state')
  if (!Array.isArray(peers) || !peers.every(peer => peer === null || typeof peer === 'string')) return no('its peers')
  return {
    state: state as GroupView['state'],
    peers,
    reason: typeof reason === 'string' ? reason : undefined,
    impossible: impossibleFrom(impossible),
  }
}

function impossibleFrom(value: unknown): GroupView['impossible'] {
  const { resource, requested, has } = (value ?? {}) as Record<string, unknown>
  if (typeof resource !== 'string' || typeof requested !== 'string' || typeof has !== 'string') return undefined
  return { resource, requested, has }
}
