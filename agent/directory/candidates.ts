import { limits } from './limits.ts'
import type { Member } from './mesh.ts'
import type { Raft } from './raft/index.ts'
import type { Candidate } from './voters.ts'

/** What a linked peer has said of itself. */
interface Said {
  readonly durable: boolean
  readonly leaving: boolean
  readonly greeted: boolean
}

interface Sources {
  readonly own: {
    readonly peerId: string
    readonly since: number
    readonly durable: boolean
    readonly leaving: boolean
  }
  readonly members: Iterable<Member>
  readonly linked: ReadonlyMap<string, Said>
  readonly now: number
}

/** Everybody who might vote, as the leader sees them: of those in the group it goes by what it hears of them itself. */
export function candidates(raft: Raft, { own, members, linked, now }: Sources): Candidate[] {
  const heard = new Set(raft.heard(now - 3 * limits.heartbeatMs))
  const lately = new Set(raft.heard(now - limits.replaceMs))
  const inGroup = new Set([...raft.config.voters, ...raft.config.learners])
  const { peerId: self, since, durable, leaving } = own
  const found: Candidate[] = [{ peerId: self, durable, since, state: leaving ? 'going' : 'here', caughtUp: true }]
  for (const { peerId, incarnation, state: member, closed } of members) {
    const said = linked.get(peerId)
    if (!said?.greeted && !inGroup.has(peerId)) continue
    let state: Candidate['state'] = member === 'alive' && said ? 'here' : 'silent'
    if (inGroup.has(peerId)) state = heard.has(peerId) ? 'here' : lately.has(peerId) ? 'silent' : 'gone'
    else if (member === 'dead') state = 'gone'
    if (member === 'left') state = 'gone'
    else if (state === 'here' && (closed || said?.leaving)) state = 'going'
    found.push({
      peerId,
      durable: said?.durable ?? true,
      since: incarnation,
      state,
      caughtUp: raft.isCaughtUp(peerId),
    })
  }
  // A voter that this peer has never met.
  for (const peerId of inGroup)
    if (!found.some(one => one.peerId === peerId))
      found.push({ peerId, durable: true, since: 0, state: lately.has(peerId) ? 'silent' : 'gone', caughtUp: false })
  return found
}
