import { InvalidOptionError } from '../../wire/errors/index.ts'
import { limits } from './limits.ts'
import type { Claim, Entry } from './types.ts'

/** An entry as callers see it. */
export function withoutSpec({ spec: _, checkpoint: __, ...entry }: Entry): Entry {
  return entry
}

/** A name that was won and is gone again. */
export function entryOf(id: number, { restarts, ...claim }: Claim): Entry {
  return {
    id,
    ...claim,
    kind: claim.owner ? 'owned' : 'detached',
    epoch: 0,
    state: claim.owner ? 'alive' : 'pending',
    restartsLeft: restarts,
    restarts: 0,
  }
}

export function invalid(option: string, value: string, allowed: string): InvalidOptionError {
  return new InvalidOptionError(`${option}: ${allowed}, not ${value}`, { option, value, allowed })
}

export function checkClaim({ namespace, name, data, spec, owner }: Claim): void {
  const tooLong = (option: string, text: string, max: number): void => {
    if (text.length > max) throw invalid(option, `${text.length} characters`, `at most ${max} characters`)
  }
  tooLong('namespace', namespace, limits.nameCharactersMax)
  tooLong('name', name, limits.nameCharactersMax)
  tooLong('data', data, limits.dataCharactersMax)
  if (spec !== undefined) tooLong('spec', spec, limits.specCharactersMax)
  else if (!owner) throw invalid('spec', 'nothing', 'what a detached entry is made from')
}
