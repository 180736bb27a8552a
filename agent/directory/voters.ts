import type { Change, Config } from './raft/index.ts'

/** A member as somebody who might vote. */
export interface Candidate {
  readonly peerId: string
  /** Its state outlives it: an agent with a home. */
  readonly durable: boolean
  /** When it was started: who is there longest goes first. */
  readonly since: number
  /** `going`: it leaves, or may not vote. `silent`: it is not heard now. `gone`: it has left, or was not heard for long enough. */
  readonly state: 'here' | 'going' | 'silent' | 'gone'
  /** It has all that is committed. */
  readonly caughtUp: boolean
}

export type VoterStep = Change | { readonly kind: 'transfer'; readonly peer: string }

/** How many vote of so many (protocols §5). */
export function votersFor(agents: number): number {
  return agents >= 7 ? 5 : agents >= 3 ? 3 : 1
}

/**
 * The next step towards the voters that there should be, at the leader: one peer is learned, promoted or removed at a time.
 * Pure. Embedded peers vote only where there is nobody else; who is silent keeps its vote until it is gone.
 */
export function nextStep(self: string, config: Config, members: readonly Candidate[]): VoterStep | undefined {
  const byId = new Map(members.map(one => [one.peerId, one]))
  const mayStay = members.filter(({ state }) => state === 'here' || state === 'silent')
  const durable = mayStay.filter(one => one.durable)
  const able = durable.length > 0 ? durable : mayStay
  const isAble = (peer: string): boolean => able.some(one => one.peerId === peer)
  const wanted = votersFor(able.length)
  const voters = config.voters.filter(isAble)
  const fresh = able
    .filter(one => one.state === 'here' && !config.voters.includes(one.peerId))
    .sort((a, b) => a.since - b.since || (a.peerId < b.peerId ? -1 : 1))
  const ready = fresh.filter(one => config.learners.includes(one.peerId) && one.caughtUp)
  const missing = wanted - voters.length

  /** A majority of those who would vote is there. */
  const holds = (next: readonly string[]): boolean =>
    next.filter(peer => peer === self || byId.get(peer)?.state === 'here' || byId.get(peer)?.state === 'going').length >
    next.length / 2
  const remove = (peer: string): VoterStep | undefined =>
    holds(config.voters.filter(one => one !== peer)) ? { kind: 'remove', peer } : undefined

  // Who is wanted learns first: that binds nobody.
  const learning = fresh.filter(one => config.learners.includes(one.peerId))
  // With two agents the other one learns too, so that it knows the names.
  const learners = missing > 0 ? missing : able.length === 2 && config.voters.length === 1 ? 1 : 0
  if (learning.length < learners) {
    const next = fresh.find(one => !config.learners.includes(one.peerId))
    if (next) return { kind: 'learn', peer: next.peerId }
  }
  // A voter that is gone makes room, before it could be missed.
  const gone = config.voters.find(peer => peer !== self && (byId.get(peer)?.state ?? 'gone') === 'gone')
  if (gone !== undefined && (ready.length > 0 || fresh.length === 0)) {
    const step = remove(gone)
    if (step) return step
  }
  // Two voters are weaker than one: both that are missing are promoted together.
  if (missing > 0 && ready.length > 0 && (ready.length >= missing || config.voters.length > 1 || !isAble(self))) {
    const [{ peerId: peer }] = ready
    if (holds([...config.voters, peer])) return { kind: 'promote', peer }
  }
  if (!isAble(self)) {
    const heir = voters.find(peer => byId.get(peer)?.state === 'here' && byId.get(peer)?.caughtUp)
    if (heir !== undefined) return { kind: 'transfer', peer: heir }
    return undefined
  }
  // Who may not vote any more, then who is too many: the newest first, and never a living one while a dead one votes.
  const unable = config.voters.find(peer => peer !== self && !isAble(peer) && peer !== gone)
  if (unable !== undefined && (voters.length >= wanted || fresh.length === 0)) return remove(unable)
  if (missing < 0 && gone === undefined && voters.every(peer => byId.get(peer)?.state === 'here')) {
    const [newest] = voters
      .filter(peer => peer !== self)
      .sort((a, b) => (byId.get(b)?.since ?? 0) - (byId.get(a)?.since ?? 0))
    if (newest !== undefined) return remove(newest)
  }
  const idle = config.learners.find(peer => !isAble(peer) || (learners === 0 && missing <= 0))
  if (idle !== undefined) return { kind: 'remove', peer: idle }
  return undefined
}
