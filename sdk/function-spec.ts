import type { FunctionSpec, PlacementSpec, ProcessSpec } from '../wire/records.ts'
import type { TravellingCode } from './function-code.ts'
import { type BrandedGroup, groupBrand } from './group-brand.ts'
import type { Placement, TaskOptions } from './types.ts'

/** Defaults of api.md §3. */
const RETRIES = 3
const INFEASIBLE_TIMEOUT_MS = 10_000

/** What an agent is told of a function with its options. */
export function functionSpec(options: TaskOptions, code: TravellingCode, isGenerator: boolean): FunctionSpec {
  const { cpus = 1, gpus = 0, memoryBytes = 0, resources = {}, placement } = options
  return {
    name: options.name ?? code.name,
    code: code.hash,
    entry: code.entry,
    retryClasses: [...code.retryClasses],
    blobs: [...code.blobs],
    codes: [...code.codes],
    resources: { ...resources, cpus, gpus, memoryBytes },
    retries: options.retries ?? RETRIES,
    retryErrors: options.retryErrors !== undefined && options.retryErrors !== false && !isEmpty(options.retryErrors),
    timeoutMs: options.timeoutMs ?? 0,
    priority: options.priority ?? 0,
    copy: options.copy ?? true,
    external: [...(options.external ?? [])],
    returns: isGenerator ? 0 : (options.returns ?? 1),
    backpressure: options.backpressure ?? 0,
    infeasibleTimeoutMs: options.infeasibleTimeoutMs ?? INFEASIBLE_TIMEOUT_MS,
    placement: placementSpec(placement),
    process: processSpec(options),
  }
}

/** What the process of a function is to be like; undefined for threads. */
export function processSpec({ isolation, env = {}, memoryBytes = 0 }: TaskOptions): ProcessSpec | undefined {
  return isolation === 'process' ? { env, memoryBytes } : undefined
}

/** An empty list of classes names none. */
function isEmpty(retryErrors: TaskOptions['retryErrors']): boolean {
  return Array.isArray(retryErrors) && retryErrors.length === 0
}

/** On one peer, packing and spreading are the same. */
export function placementSpec(placement: Placement | undefined): PlacementSpec | undefined {
  if (placement === 'spread') return { spread: true }
  if (typeof placement !== 'object') return undefined
  if (!('group' in placement)) return placement
  const { id, bundles } = (placement.group as BrandedGroup)[groupBrand]
  return { group: { id, bundle: placement.bundle ?? -1, bundles: [...bundles] } }
}
