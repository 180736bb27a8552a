import { MalformedFrameError } from '../../mesh/wire/index.ts'
import type { Command, Outcome } from './commands.ts'
import type { Generation, Known } from './knowledge.ts'
import { limits } from './limits.ts'
import type { Message } from './raft/index.ts'
import type { Entry, PeerRun } from './types.ts'

/** What is asked of the leader. */
export type Request =
  | { readonly do: 'propose'; readonly request: string; readonly command: Command }
  | { readonly do: 'lookup'; readonly namespace: string; readonly name: string }
  | { readonly do: 'locate'; readonly id: number }
  | { readonly do: 'entries' }
  | { readonly do: 'endedEntries' }
  /** A holder's leases; of an owner all of its names. Each is [id, epoch]. */
  | { readonly do: 'renew'; readonly run: PeerRun; readonly holds: readonly (readonly [number, number])[] }
  | {
      readonly do: 'kill'
      readonly request: string
      readonly id: number
      readonly restart: boolean
      readonly reason: string
    }

/** What came of a renewal; what is in neither is not decided. */
export interface Renewed {
  readonly renewed: readonly number[]
  readonly stale: readonly number[]
}

export interface Claimed {
  readonly outcome: Outcome
  /** Whose the name is. */
  readonly entry: Entry | undefined
}

export type Answer = { readonly value: unknown } | { readonly known: Known } | { readonly refused: string }

/** What two directories say to each other. */
export type Said =
  /** At the begin of a session, and whenever it has changed. */
  | { readonly is: 'hello'; readonly durable: boolean; readonly leaving: boolean; readonly known: Known }
  | { readonly is: 'raft'; readonly generation: Generation; readonly message: Message }
  | { readonly is: 'request'; readonly q: number; readonly hops: number; readonly request: Request }
  | { readonly is: 'answer'; readonly q: number; readonly answer: Answer }
  /** A leader to a holder. */
  | { readonly is: 'host'; readonly entry: Entry }
  | { readonly is: 'stop'; readonly q: number; readonly entry: Entry; readonly why: string }
  | { readonly is: 'stopped'; readonly q: number }

const kinds = ['hello', 'raft', 'request', 'answer', 'host', 'stop', 'stopped']

export function encode(said: Said): Uint8Array {
  return Buffer.from(JSON.stringify(said))
}

/** Checks the shape as far as nothing that follows can break on it. Throws MalformedFrameError. */
export function decode(bytes: Uint8Array): Said {
  let said: { [key: string]: unknown }
  try {
    said = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as typeof said
  } catch {
    throw new MalformedFrameError('what a directory says is no JSON')
  }
  if (typeof said !== 'object' || said === null || !kinds.includes(said.is as string)) bad('kind')
  switch (said.is) {
    case 'hello':
      known(said.known)
      break
    case 'raft':
      generation(said.generation)
      message(said.message)
      break
    case 'request':
      count(said.q)
      count(said.hops)
      request(said.request)
      break
    case 'answer':
      count(said.q)
      if (!isMap(said.answer)) bad('answer')
      if ('known' in said.answer) known(said.answer.known)
      break
    case 'stop':
      count(said.q)
      entry(said.entry)
      text(said.why)
      break
    case 'stopped':
      count(said.q)
      break
    case 'host':
      entry(said.entry)
      break
  }
  return said as unknown as Said
}

function bad(what: string): never {
  throw new MalformedFrameError(`a directory's message with a bad ${what}`)
}

function isMap(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count(value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) bad('count')
}

function text(value: unknown): void {
  if (typeof value !== 'string') bad('text')
}

function texts(value: unknown): void {
  if (!Array.isArray(value) || !value.every(one => typeof one === 'string')) bad('list')
}

function generation(value: unknown): void {
  if (!isMap(value) || !Number.isSafeInteger(value.n) || typeof value.by !== 'string') bad('generation')
}

function known(value: unknown): void {
  if (!isMap(value)) bad('account of voters')
  generation(value.generation)
  count(value.term)
  count(value.configIndex)
  texts(value.voters)
  if (value.leader !== undefined) text(value.leader)
}

function run(value: unknown): void {
  if (!isMap(value) || typeof value.peerId !== 'string') bad('run')
  count(value.incarnation)
}

function entry(value: unknown): void {
  if (!isMap(value)) bad('entry')
  count(value.id)
  count(value.epoch)
  for (const one of [value.namespace, value.name, value.kind, value.state, value.data]) text(one)
  if (value.holder !== undefined) run(value.holder)
  if (value.owner !== undefined) run(value.owner)
}

function logEntry(value: unknown): void {
  if (!isMap(value)) bad('log entry')
  count(value.index)
  count(value.term)
  if (value.config !== undefined) config(value.config)
  if (value.command === undefined) return
  text(value.command)
  // A state machine that cannot read it would stand still for ever.
  try {
    const proposal = JSON.parse(value.command as string) as { [key: string]: unknown }
    text(proposal.request)
    count(proposal.at)
    command(proposal.command)
  } catch {
    bad('command')
  }
}

function config(value: unknown): void {
  if (!isMap(value)) bad('configuration')
  texts(value.voters)
  texts(value.learners)
}

function message(value: unknown): void {
  if (!isMap(value)) bad('message')
  count(value.term)
  if (value.t === 'append' || value.t === 'appended' || value.t === 'vote') {
    count(value.index)
    count(value.indexTerm)
  }
  switch (value.t) {
    case 'append':
      count(value.commit)
      count(value.read)
      if (!Array.isArray(value.entries)) bad('list')
      value.entries.forEach(logEntry)
      value.entries.forEach((one: { index: number }, i) => {
        if (one.index !== (value.index as number) + 1 + i) bad('place')
      })
      return
    case 'appended':
      count(value.asked)
      count(value.read)
      return
    case 'snapshot':
      count(value.read)
      if (!isMap(value.snapshot)) bad('snapshot')
      count(value.snapshot.index)
      count(value.snapshot.term)
      config(value.snapshot.config)
      text(value.snapshot.data)
      return
    case 'vote':
    case 'voted':
    case 'campaign':
      return
    default:
      bad('message')
  }
}

const commands: Record<string, (value: { [key: string]: unknown }) => void> = {
  claim(value) {
    shorter(value.namespace, limits.nameCharactersMax)
    shorter(value.name, limits.nameCharactersMax)
    shorter(value.data, limits.dataCharactersMax)
    if (value.owner !== undefined) run(value.owner)
    if (value.spec !== undefined) shorter(value.spec, limits.specCharactersMax)
    if (!Number.isSafeInteger(value.restarts)) bad('count')
  },
  free: value => text(value.reason),
  place(value) {
    count(value.epoch)
    run(value.holder)
  },
  unplace: value => count(value.epoch),
  alive(value) {
    count(value.epoch)
    count(value.token)
    if (value.data !== undefined) shorter(value.data, limits.dataCharactersMax)
  },
  ended(value) {
    count(value.epoch)
    shorter(value.reason, limits.reasonCharactersMax)
  },
  checkpoint(value) {
    count(value.epoch)
    shorter(value.value, limits.checkpointCharactersMax)
  },
  gone(value) {
    text(value.peerId)
    count(value.incarnation)
  },
}

function shorter(value: unknown, max: number): void {
  if (typeof value !== 'string' || value.length > max) bad('text')
}

function command(value: unknown): void {
  if (!isMap(value) || !Object.hasOwn(commands, String(value.do))) bad('command')
  if (value.do !== 'claim' && value.do !== 'gone') count(value.id)
  commands[value.do as string](value)
}

function request(value: unknown): void {
  if (!isMap(value)) bad('request')
  switch (value.do) {
    case 'propose':
      text(value.request)
      command(value.command)
      return
    case 'lookup':
      text(value.namespace)
      text(value.name)
      return
    case 'locate':
      count(value.id)
      return
    case 'kill':
      text(value.request)
      count(value.id)
      text(value.reason)
      return
    case 'renew':
      run(value.run)
      if (!Array.isArray(value.holds)) bad('list')
      for (const one of value.holds) {
        if (!Array.isArray(one)) bad('lease')
        count(one[0])
        count(one[1])
      }
      return
    case 'entries':
    case 'endedEntries':
      return
    default:
      bad('request')
  }
}
